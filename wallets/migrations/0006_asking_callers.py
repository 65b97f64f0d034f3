from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('wallets', '0005_rights_to_act'),
    ]

    operations = [
        migrations.AddField(
            model_name='approval',
            name='asker',
            field=models.CharField(default='', max_length=200),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='approval',
            name='decider',
            field=models.CharField(blank=True, default='', max_length=200),
        ),
        migrations.AlterField(
            model_name='approval',
            name='asked_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        # The .sql beside this file is frozen with it: change it by a new migration.
        migrations.RunSQL(sql=Path(__file__).with_suffix(".sql").read_text()),
        migrations.RemoveConstraint(model_name='approval', name='wallets_approval_second_person'),
        migrations.RemoveConstraint(model_name='approval', name='wallets_approval_decided'),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.CheckConstraint(
                condition=~Q(decider=F('asker')) & (Q(decided_by=None) | Q(asked_by=None) | ~Q(decided_by=F('asked_by'))),
                name='wallets_approval_second_person',
            ),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.CheckConstraint(
                condition=Q(state='waiting', decided_at=None, decider='') | (~Q(state='waiting') & Q(decided_at__isnull=False) & ~Q(decider='')),
                name='wallets_approval_decided',
            ),
        ),
    ]
