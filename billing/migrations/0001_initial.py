import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('ledger', '0002_journal'),
    ]

    operations = [
        migrations.CreateModel(
            name='EventKey',
            fields=[
                ('key', models.UUIDField(primary_key=True, serialize=False)),
                ('content', models.BigIntegerField()),
                ('event_id', models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='Meter',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.SlugField(max_length=100)),
                ('name', models.CharField(blank=True, default='', max_length=200)),
                ('event_type', models.CharField(max_length=200)),
                ('aggregation', models.CharField(choices=[('sum', 'Sum'), ('count', 'Count'), ('max', 'Max'), ('min', 'Min'), ('avg', 'Avg'), ('latest', 'Latest'), ('unique_count', 'Unique Count')], max_length=12)),
                ('value_path', models.CharField(blank=True, default='', max_length=400)),
                ('dimensions', models.JSONField(blank=True, default=dict)),
                ('feature_key', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField()),
                ('archived_at', models.DateTimeField(blank=True, null=True)),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='meters', to='ledger.book')),
                ('unit', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset')),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='Rate',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('match', models.JSONField(blank=True, default=dict)),
                ('model', models.CharField(choices=[('unit', 'Unit')], default='unit', max_length=20)),
                ('unit_price', models.DecimalField(decimal_places=18, max_digits=38)),
                ('unit_cost', models.DecimalField(blank=True, decimal_places=18, max_digits=38, null=True)),
                ('provider', models.CharField(blank=True, default='', max_length=200)),
                ('effective_from', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
                ('meter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rates', to='billing.meter')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Accrual',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('period_start', models.DateTimeField()),
                ('quantity', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('amount', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('cost', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('events', models.BigIntegerField(default=0)),
                ('state', models.JSONField(default=dict)),
                ('taken', models.TextField(blank=True, default='')),
                ('customer', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ledger.customer')),
                ('meter', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='billing.meter')),
                ('rate', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='billing.rate')),
            ],
        ),
        migrations.CreateModel(
            name='RateCard',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.SlugField(max_length=100)),
                ('name', models.CharField(blank=True, default='', max_length=200)),
                ('is_default', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField()),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset')),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rate_cards', to='ledger.book')),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.AddField(
            model_name='rate',
            name='rate_card',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rates', to='billing.ratecard'),
        ),
        migrations.CreateModel(
            name='BillingProfile',
            fields=[
                ('customer', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='billing_profile', serialize=False, to='ledger.customer')),
                ('settlement', models.CharField(choices=[('credit_then_invoice', 'Credit Then Invoice'), ('credit_only', 'Credit Only')], default='credit_then_invoice', max_length=20)),
                ('credit_limit', models.DecimalField(blank=True, decimal_places=12, max_digits=38, null=True)),
                ('rate_card', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.ratecard')),
            ],
        ),
        migrations.CreateModel(
            name='Subject',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('created_at', models.DateTimeField()),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
                ('customer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='subjects', to='ledger.customer')),
            ],
            options={
                'ordering': ['key'],
            },
        ),
        migrations.CreateModel(
            name='UnattributedEvent',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('source', models.TextField()),
                ('external_id', models.TextField()),
                ('type', models.TextField()),
                ('subject', models.TextField()),
                ('occurred_at', models.DateTimeField()),
                ('received_at', models.DateTimeField()),
                ('data', models.JSONField()),
                ('posted_at', models.DateTimeField(blank=True, null=True)),
                ('event_id', models.BigIntegerField(blank=True, null=True)),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='UniqueValue',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('value', models.UUIDField()),
                ('events', models.BigIntegerField()),
                ('accrual', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='billing.accrual')),
            ],
        ),
        migrations.CreateModel(
            name='UsageBatch',
            fields=[
                ('id', models.BigIntegerField(primary_key=True, serialize=False)),
                ('received_at', models.DateTimeField()),
                ('events', models.IntegerField()),
                ('transaction_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('digest', models.BinaryField()),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
            ],
            options={
                'verbose_name_plural': 'usage batches',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='UsageRollup',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('subject', models.TextField()),
                ('dimensions', models.JSONField()),
                ('starts_at', models.DateTimeField()),
                ('events', models.BigIntegerField()),
                ('total', models.DecimalField(decimal_places=12, max_digits=38)),
                ('minimum', models.DecimalField(decimal_places=12, max_digits=38)),
                ('maximum', models.DecimalField(decimal_places=12, max_digits=38)),
                ('latest_at', models.DateTimeField()),
                ('latest_key', models.TextField()),
                ('latest_value', models.DecimalField(decimal_places=12, max_digits=38)),
                ('customer', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='ledger.customer')),
                ('meter', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='billing.meter')),
            ],
        ),
        migrations.CreateModel(
            name='Correction',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('kind', models.CharField(choices=[('void', 'Void'), ('amend', 'Amend')], max_length=5)),
                ('event_id', models.BigIntegerField(unique=True)),
                ('replacement_id', models.BigIntegerField(blank=True, null=True, unique=True)),
                ('reason', models.TextField(blank=True, default='')),
                ('cause', models.TextField(blank=True, default='')),
                ('transaction_ids', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, size=None)),
                ('corrected_at', models.DateTimeField()),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('book', 'key'), name='billing_correction_key')],
            },
        ),
        migrations.CreateModel(
            name='DeadLetter',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('content', models.BinaryField()),
                ('raw', models.TextField()),
                ('reason', models.CharField(max_length=50)),
                ('detail', models.TextField()),
                ('field', models.CharField(blank=True, default='', max_length=200)),
                ('received_at', models.DateTimeField()),
                ('times', models.PositiveIntegerField(default=1)),
                ('status', models.CharField(choices=[('open', 'Open'), ('replayed', 'Replayed'), ('dismissed', 'Dismissed')], default='open', max_length=10)),
                ('resolved_at', models.DateTimeField(blank=True, null=True)),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(fields=('book', 'content', 'reason'), name='billing_deadletter_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_meter_key'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('aggregation', 'count'), models.Q(('value_path', ''), _negated=True), _connector='OR'), name='billing_meter_has_value'),
        ),
        migrations.AddConstraint(
            model_name='accrual',
            constraint=models.UniqueConstraint(fields=('customer', 'meter', 'rate', 'period_start'), name='billing_accrual_one', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='ratecard',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_ratecard_key'),
        ),
        migrations.AddConstraint(
            model_name='ratecard',
            constraint=models.UniqueConstraint(condition=models.Q(('is_default', True)), fields=('book',), name='billing_ratecard_one_default'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.UniqueConstraint(fields=('rate_card', 'meter', 'match', 'effective_from'), name='billing_rate_once'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('unit_price__gte', 0)), name='billing_rate_price'),
        ),
        migrations.AddConstraint(
            model_name='rate',
            constraint=models.CheckConstraint(condition=models.Q(('unit_cost', None), ('unit_cost__gte', 0), _connector='OR'), name='billing_rate_cost'),
        ),
        migrations.AddConstraint(
            model_name='billingprofile',
            constraint=models.CheckConstraint(condition=models.Q(('credit_limit', None), ('credit_limit__gte', 0), _connector='OR'), name='billing_profile_credit_limit'),
        ),
        migrations.AddConstraint(
            model_name='subject',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_subject_key'),
        ),
        migrations.AddIndex(
            model_name='unattributedevent',
            index=models.Index(condition=models.Q(('posted_at', None)), fields=['book', 'subject'], name='billing_unattributed_open'),
        ),
        migrations.AddConstraint(
            model_name='uniquevalue',
            constraint=models.UniqueConstraint(fields=('accrual', 'value'), name='billing_uniquevalue_one'),
        ),
        migrations.AddConstraint(
            model_name='usagerollup',
            constraint=models.UniqueConstraint(fields=('meter', 'customer', 'starts_at', 'subject', 'dimensions'), name='billing_rollup_one'),
        ),
    ]
