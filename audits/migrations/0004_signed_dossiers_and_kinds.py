"""Dossiers are signed, have a kind and a language; the release before this one goes on writing plain ones."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('audits', '0003_kept_histograms'),
        ('registry', '0002_tables_that_stay_and_limits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='dossier',
            name='attempts',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='dossier',
            name='compared_with',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='dossiers_compared_with', to='registry.modelversion'),
        ),
        migrations.AddField(
            model_name='dossier',
            name='content_digest',
            field=models.CharField(blank=True, db_default='', db_index=True, default='', max_length=64),
        ),
        migrations.AddField(
            model_name='dossier',
            name='document_sha256',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='dossier',
            name='kind',
            field=models.CharField(choices=[('full', 'Full dossier'), ('annex-iv', 'Technical documentation in the order of Annex IV'), ('ll144', 'Public summary of a bias audit (LL144)'), ('card', 'One-page card'), ('validation', 'Validation report'), ('decommission', 'Decommission record'), ('differences', 'Differences between two versions'), ('portfolio', 'Portfolio report')], db_default='full', default='full', max_length=12, verbose_name='kind'),
        ),
        migrations.AddField(
            model_name='dossier',
            name='language',
            field=models.CharField(db_default='en', default='en', max_length=2, verbose_name='language'),
        ),
        migrations.AddField(
            model_name='dossier',
            name='progress',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='progress in percent'),
        ),
        migrations.AlterField(
            model_name='dossier',
            name='version',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='dossiers', to='registry.modelversion'),
        ),
        migrations.AddConstraint(
            model_name='dossier',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'portfolio'), ('version__isnull', True)), models.Q(models.Q(('kind', 'portfolio'), _negated=True), ('version__isnull', False)), _connector='OR'), name='only_a_portfolio_report_has_no_version'),
        ),
        migrations.AddConstraint(
            model_name='dossier',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('compared_with__isnull', False), ('kind', 'differences')), models.Q(models.Q(('kind', 'differences'), _negated=True), ('compared_with__isnull', True)), _connector='OR'), name='only_a_report_on_differences_compares'),
        ),
    ]
