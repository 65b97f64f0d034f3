from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0006_wider_totals'),
    ]

    operations = [
        migrations.CreateModel(
            name='TestClock',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=200)),
                ('name', models.CharField(blank=True, default='', max_length=200)),
                ('now_at', models.DateTimeField()),
                ('target_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.AddField(
            model_name='customer',
            name='clock',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='customers', to='ledger.testclock'),
        ),
        migrations.AddConstraint(
            model_name='testclock',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='ledger_testclock_key'),
        ),
        migrations.AddConstraint(
            model_name='testclock',
            constraint=models.CheckConstraint(condition=models.Q(('target_at', None), ('target_at__gte', models.F('now_at')), _connector='OR'), name='ledger_testclock_forward'),
        ),
        # The .sql beside this file is frozen with it: change it by a new migration.
        migrations.RunSQL(sql=Path(__file__).with_suffix(".sql").read_text()),
    ]
