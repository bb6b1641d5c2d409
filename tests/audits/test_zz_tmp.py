import pytest, json
from tests.audits.dossier_story import a_story
@pytest.mark.django_db
def test_x(cast):
    from audits.dossier.build import compose, gather_facts
    from audits.dossier.render import render
    from registry.ledger.clock import database_now
    from registry.ledger.sequencer import sequence_all
    v=a_story(cast); sequence_all()
    import time
    t=time.time(); f=gather_facts(v, database_now()); t2=time.time()
    d=compose(f); b=render(d); print(t2-t, time.time()-t2)
    from pathlib import Path; Path("/tmp/story.pdf").write_bytes(b); Path("/tmp/story.json").write_text(json.dumps(f,indent=1))
