import { Migration } from '@mikro-orm/migrations';

/** People who left are erased after their grace: which of them it is the turn of, and who is done. */
export class Migration20261129050000_erasure extends Migration {
  override up(): void {
    this.addSql('alter table users add column erased_at timestamptz');
    this.addSql(
      'create index users_deleted_at_index on users (deleted_at) where deleted_at is not null and erased_at is null',
    );
  }

  override down(): void {
    this.addSql('drop index users_deleted_at_index');
    this.addSql('alter table users drop column erased_at');
  }
}
