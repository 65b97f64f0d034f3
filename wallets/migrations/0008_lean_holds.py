"""Drop indexes of holds that others make needless: every hold that is set aside writes them."""
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0007_test_clocks'),
        ('wallets', '0007_shares_of_holds'),
    ]

    operations = [
        migrations.AlterField(
            model_name='hold',
            name='asset',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.asset'),
        ),
        migrations.AlterField(
            model_name='hold',
            name='book',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.book'),
        ),
        migrations.AlterField(
            model_name='holdpart',
            name='account',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.account'),
        ),
        migrations.AlterField(
            model_name='holdpart',
            name='hold',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='parts', to='wallets.hold'),
        ),
        migrations.AlterField(
            model_name='holdpart',
            name='share_use',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='wallets.shareuse'),
        ),
    ]
