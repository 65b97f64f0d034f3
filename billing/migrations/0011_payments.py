from pathlib import Path

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('billing', '0010_invoicing'),
        ('ledger', '0007_test_clocks'),
    ]

    operations = [
        migrations.CreateModel(
            name='DunningSchedule',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=100)),
                ('version', models.PositiveIntegerField()),
                ('name', models.CharField(blank=True, default='', max_length=200)),
                ('steps', models.JSONField()),
                ('minimums', models.JSONField(blank=True, default=dict)),
                ('is_default', models.BooleanField(default=False)),
                ('effective_from', models.DateTimeField()),
                ('effective_to', models.DateTimeField(blank=True, null=True)),
                ('cause', models.TextField(blank=True, default='')),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
            ],
            options={
                'ordering': ['book', 'key', '-version'],
                'permissions': [('run_dunning', 'Can pause dunning and record promises to pay')],
            },
        ),
        migrations.CreateModel(
            name='Dunning',
            fields=[
                ('invoice', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='dunning', serialize=False, to='billing.invoice')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('next_at', models.DateTimeField(blank=True, null=True)),
                ('paused_until', models.DateTimeField(blank=True, null=True)),
                ('promised_until', models.DateTimeField(blank=True, null=True)),
                ('promised_amount', models.DecimalField(blank=True, decimal_places=12, max_digits=38, null=True)),
                ('is_suspended', models.BooleanField(default=False)),
                ('started_at', models.DateTimeField()),
                ('stopped_at', models.DateTimeField(blank=True, null=True)),
                ('stopped_because', models.TextField(blank=True, default='')),
                ('schedule', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='billing.dunningschedule')),
            ],
            options={
                'verbose_name_plural': 'dunnings',
                'ordering': ['-invoice'],
            },
        ),
        migrations.CreateModel(
            name='Payment',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('amount', models.DecimalField(decimal_places=12, max_digits=38)),
                ('fee', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('method', models.CharField(choices=[('bank', 'Bank'), ('card', 'Card'), ('erp', 'Erp'), ('cash', 'Cash'), ('other', 'Other')], max_length=10)),
                ('rail', models.CharField(blank=True, default='', max_length=100)),
                ('external_id', models.CharField(blank=True, default='', max_length=255)),
                ('reference', models.TextField(blank=True, default='')),
                ('note', models.TextField(blank=True, default='')),
                ('received_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
                ('cause', models.TextField(blank=True, default='')),
                ('transaction_id', models.BigIntegerField()),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset')),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
                ('payer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payments', to='ledger.customer')),
            ],
            options={
                'ordering': ['-id'],
                'permissions': [('record_payment', 'Can record, match and reverse payments'), ('refund_payment', 'Can give money back'), ('write_off', 'Can write off what will not be paid'), ('decide_dispute', 'Can record disputes and how they end')],
            },
        ),
        migrations.CreateModel(
            name='Dispute',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('external_id', models.CharField(blank=True, default='', max_length=255)),
                ('amount', models.DecimalField(decimal_places=12, max_digits=38)),
                ('fee', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('state', models.CharField(choices=[('open', 'Open'), ('won', 'Won'), ('lost', 'Lost'), ('withdrawn', 'Withdrawn')], default='open', max_length=10)),
                ('reason', models.TextField(blank=True, default='')),
                ('cause', models.TextField(blank=True, default='')),
                ('opened_at', models.DateTimeField()),
                ('answer_by', models.DateTimeField(blank=True, null=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('decision', models.TextField(blank=True, default='')),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
                ('payment', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='billing.payment')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Unapplied',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('amount', models.DecimalField(decimal_places=12, max_digits=38)),
                ('applied', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('returned', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('waits', models.BooleanField(default=False)),
                ('made_at', models.DateTimeField()),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset')),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
                ('note', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='balances', to='billing.invoice')),
                ('payer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='unapplied', to='ledger.customer')),
                ('payment', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='money', to='billing.payment')),
            ],
            options={
                'verbose_name': 'unapplied cash',
                'verbose_name_plural': 'unapplied cash',
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Refund',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('key', models.CharField(max_length=255)),
                ('amount', models.DecimalField(decimal_places=12, max_digits=38)),
                ('state', models.CharField(choices=[('requested', 'Requested'), ('sent', 'Sent'), ('settled', 'Settled'), ('failed', 'Failed')], default='requested', max_length=10)),
                ('rail', models.CharField(blank=True, default='', max_length=100)),
                ('external_id', models.CharField(blank=True, default='', max_length=255)),
                ('reason', models.TextField()),
                ('failure', models.TextField(blank=True, default='')),
                ('cause', models.TextField(blank=True, default='')),
                ('requested_at', models.DateTimeField()),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('asset', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset')),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
                ('payer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='ledger.customer')),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='billing.unapplied')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Allocation',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('payment', 'Payment'), ('tolerance', 'Tolerance'), ('credit_note', 'Credit Note'), ('write_off', 'Write Off'), ('balance', 'Balance'), ('surplus', 'Surplus'), ('refund', 'Refund'), ('wallet', 'Wallet'), ('returned', 'Returned'), ('shortfall', 'Shortfall')], max_length=12)),
                ('key', models.CharField(blank=True, default='', max_length=255)),
                ('amount', models.DecimalField(decimal_places=12, max_digits=38)),
                ('tax', models.DecimalField(decimal_places=12, default=0, max_digits=38)),
                ('policy', models.CharField(blank=True, choices=[('chosen', 'Chosen'), ('reference', 'Reference'), ('oldest', 'Oldest')], default='', max_length=10)),
                ('reason', models.TextField(blank=True, default='')),
                ('cause', models.TextField(blank=True, default='')),
                ('at', models.DateTimeField()),
                ('transaction_id', models.BigIntegerField(blank=True, null=True)),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book')),
                ('invoice', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='billing.invoice')),
                ('note', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='given', to='billing.invoice')),
                ('reverses', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversal', to='billing.allocation')),
                ('dispute', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='billing.dispute')),
                ('refund', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='billing.refund')),
                ('source', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='allocations', to='billing.unapplied')),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Claim',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('owner', models.CharField(max_length=100)),
                ('key', models.CharField(max_length=255)),
                ('claimed_at', models.DateTimeField()),
                ('lease_until', models.DateTimeField()),
                ('released_at', models.DateTimeField(blank=True, null=True)),
                ('outcome', models.CharField(blank=True, choices=[('paid', 'Paid'), ('failed', 'Failed'), ('released', 'Released'), ('expired', 'Expired'), ('settled', 'Settled'), ('unknown', 'Unknown')], default='', max_length=10)),
                ('invoice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='claims', to='billing.invoice')),
            ],
            options={
                'ordering': ['-id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('released_at', None)), fields=('invoice',), name='billing_claim_one'), models.UniqueConstraint(fields=('invoice', 'owner', 'key'), name='billing_claim_attempt')],
            },
        ),
        migrations.CreateModel(
            name='DunningAct',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('position', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('act', models.CharField(choices=[('remind', 'Remind'), ('retry', 'Retry'), ('suspend', 'Suspend'), ('resume', 'Resume'), ('propose_write_off', 'Propose'), ('pause', 'Pause'), ('promise', 'Promise'), ('broken_promise', 'Broken'), ('stop', 'Stop')], max_length=20)),
                ('at', models.DateTimeField()),
                ('cause', models.TextField(blank=True, default='')),
                ('facts', models.JSONField(blank=True, default=dict)),
                ('dunning', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acts', to='billing.dunning')),
            ],
            options={
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('position__isnull', False)), fields=('dunning', 'position'), name='billing_dunningact_once')],
            },
        ),
        migrations.AddConstraint(
            model_name='dunningschedule',
            constraint=models.UniqueConstraint(fields=('book', 'key', 'version'), name='billing_dunningschedule_version'),
        ),
        migrations.AddConstraint(
            model_name='dunningschedule',
            constraint=models.UniqueConstraint(condition=models.Q(('effective_to', None)), fields=('book', 'key'), name='billing_dunningschedule_one'),
        ),
        migrations.AddConstraint(
            model_name='dunningschedule',
            constraint=models.UniqueConstraint(condition=models.Q(('effective_to', None), ('is_default', True)), fields=('book',), name='billing_dunningschedule_default'),
        ),
        migrations.AddIndex(
            model_name='dunning',
            index=models.Index(condition=models.Q(('next_at__isnull', False), ('stopped_at', None)), fields=['next_at'], name='billing_dunning_next'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(fields=['payer', '-id'], name='billing_payment_payer'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_payment_key'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('book', 'rail', 'external_id'), name='billing_payment_external'),
        ),
        migrations.AddConstraint(
            model_name='payment',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('fee__gte', 0)), name='billing_payment_amounts'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_dispute_key'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('payment', 'external_id'), name='billing_dispute_external'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('fee__gte', 0)), name='billing_dispute_amounts'),
        ),
        migrations.AddIndex(
            model_name='unapplied',
            index=models.Index(condition=models.Q(('amount', django.db.models.expressions.CombinedExpression(models.F('applied'), '+', models.F('returned'))), _negated=True), fields=['payer', 'asset', 'id'], name='billing_unapplied_left'),
        ),
        migrations.AddConstraint(
            model_name='unapplied',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0), ('applied__gte', 0), ('returned__gte', 0), ('amount__gte', django.db.models.expressions.CombinedExpression(models.F('applied'), '+', models.F('returned')))), name='billing_unapplied_not_more'),
        ),
        migrations.AddConstraint(
            model_name='unapplied',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('note', None), ('payment__isnull', False)), models.Q(('note__isnull', False), ('payment', None)), _connector='OR'), name='billing_unapplied_of_one'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(condition=models.Q(('state__in', ['requested', 'sent'])), fields=['book', 'id'], name='billing_refund_open'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(fields=('book', 'key'), name='billing_refund_key'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('book', 'rail', 'external_id'), name='billing_refund_external'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gt', 0)), name='billing_refund_amount'),
        ),
        migrations.AddIndex(
            model_name='allocation',
            index=models.Index(condition=models.Q(('key', ''), _negated=True), fields=['book', 'key'], name='billing_allocation_key'),
        ),
        migrations.AddIndex(
            model_name='allocation',
            index=models.Index(fields=['book', 'at'], name='billing_allocation_at'),
        ),
        migrations.AddConstraint(
            model_name='allocation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount__gt', 0), ('reverses', None), ('tax__gte', 0)), models.Q(('amount__lt', 0), ('reverses__isnull', False), ('tax__lte', 0)), _connector='OR'), name='billing_allocation_sign'),
        ),
        migrations.AddConstraint(
            model_name='allocation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('invoice__isnull', False), ('kind__in', ['payment', 'shortfall']), ('note__isnull', True), ('source__isnull', False)), models.Q(('invoice__isnull', False), ('kind__in', ['tolerance', 'write_off']), ('note__isnull', True), ('source__isnull', True)), models.Q(('invoice__isnull', False), ('kind', 'credit_note'), ('note__isnull', False), ('source__isnull', True)), models.Q(('invoice__isnull', True), ('kind', 'balance'), ('note__isnull', False), ('source__isnull', False)), models.Q(('invoice__isnull', True), ('kind__in', ['surplus', 'refund', 'wallet', 'returned']), ('note__isnull', True), ('source__isnull', False)), _connector='OR'), name='billing_allocation_shape'),
        ),
        migrations.AddConstraint(
            model_name='allocation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'refund'), ('refund__isnull', False)), models.Q(models.Q(('kind', 'refund'), _negated=True), ('refund__isnull', True)), _connector='OR'), name='billing_allocation_refund'),
        ),
        migrations.AddConstraint(
            model_name='allocation',
            constraint=models.CheckConstraint(condition=models.Q(('tax', 0), ('kind', 'write_off'), _connector='OR'), name='billing_allocation_tax'),
        ),
        # The .sql beside this file is frozen with it: change it by a new migration.
        migrations.RunSQL(sql=Path(__file__).with_suffix(".sql").read_text()),
    ]
