"""Runs are worked on step by step.

The columns of ``LEFT_BEHIND`` move to the steps. The release before this one still reads and writes them, so this
migration only takes them out of the models and gives them a default in the database; the release after this one drops
them.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

LEFT_BEHIND = {
    'attempts': models.PositiveSmallIntegerField(default=0, db_default=0),
    'fencing_token': models.BigIntegerField(default=0, db_default=0),
    'lease_until': models.DateTimeField(blank=True, null=True),
    'progress_done': models.PositiveIntegerField(default=0, db_default=0),
    'progress_total': models.PositiveIntegerField(default=0, db_default=0),
    'progress_message': models.CharField(blank=True, max_length=200, default='', db_default=''),
}


class Migration(migrations.Migration):

    dependencies = [
        ('audits', '0001_evidence_and_findings'),
        ('registry', '0002_tables_that_stay_and_limits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        *(
            migrations.AlterField(model_name='validationrun', name=name, field=field)
            for name, field in LEFT_BEHIND.items()
        ),
        migrations.CreateModel(
            name='RunStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField()),
                ('key', models.CharField(max_length=80, verbose_name='step')),
                ('kind', models.CharField(choices=[('score', 'Score'), ('explain', 'Explain'), ('measure', 'Measure')], max_length=8, verbose_name='kind')),
                ('needs', models.JSONField(blank=True, default=list)),
                ('scope', models.JSONField(blank=True, default=dict)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('dropped', 'Dropped')], default='queued', max_length=8, verbose_name='state')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('fencing_token', models.BigIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('message', models.CharField(blank=True, max_length=200)),
                ('facts', models.JSONField(blank=True, default=dict)),
                ('results', models.JSONField(blank=True, default=list)),
                ('failure', models.JSONField(blank=True, null=True)),
            ],
            options={
                'verbose_name': 'step of a run',
                'verbose_name_plural': 'steps of runs',
                'ordering': ['run', 'position'],
            },
        ),
        migrations.AlterModelOptions(
            name='runattempt',
            options={'ordering': ['id']},
        ),
        migrations.RemoveConstraint(
            model_name='runattempt',
            name='attempt_numbered_once',
        ),
        migrations.RemoveIndex(
            model_name='validationrun',
            name='runs_to_sweep',
        ),
        migrations.AddField(
            model_name='validationrun',
            name='agreement',
            field=models.JSONField(blank=True, null=True, verbose_name='agreement with the run it re-performs'),
        ),
        migrations.AddField(
            model_name='validationrun',
            name='reperforms',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reperformances', to='audits.validationrun'),
        ),
        migrations.AddField(
            model_name='validationrun',
            name='started_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='validationrun',
            name='woken_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='evidence',
            name='kind',
            field=models.CharField(choices=[('measurement', 'Measurement'), ('scores', 'Scores of a model'), ('explanation', 'Explanation'), ('explained_rows', 'Part of an explanation'), ('run', 'Run manifest'), ('difference', 'Difference of two runs'), ('dossier_facts', 'Facts of a dossier'), ('dossier_pdf', 'Dossier (PDF)')], max_length=16, verbose_name='kind'),
        ),
        migrations.AddIndex(
            model_name='validationrun',
            index=models.Index(fields=['state', 'requested_at'], name='runs_to_sweep'),
        ),
        migrations.AddField(
            model_name='runstep',
            name='run',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='audits.validationrun'),
        ),
        migrations.AddField(
            model_name='runattempt',
            name='step',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tries', to='audits.runstep'),
        ),
        migrations.AddConstraint(
            model_name='runattempt',
            constraint=models.UniqueConstraint(fields=('step', 'number'), name='step_attempt_numbered_once'),
        ),
        migrations.AddIndex(
            model_name='runstep',
            index=models.Index(fields=['state', 'lease_until'], name='steps_to_sweep'),
        ),
        migrations.AddConstraint(
            model_name='runstep',
            constraint=models.UniqueConstraint(fields=('run', 'key'), name='step_once_per_run'),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.RemoveField(model_name='validationrun', name=name) for name in LEFT_BEHIND],
        ),
    ]
