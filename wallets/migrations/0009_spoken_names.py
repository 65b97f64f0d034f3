"""Call rows by the words that people use."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('wallets', '0008_lean_holds'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='topup',
            options={'ordering': ['-id'], 'permissions': [('confirm_topup', 'Can confirm the payment of a top-up'), ('refund_topup', 'Can refund a top-up')], 'verbose_name': 'top-up'},
        ),
    ]
