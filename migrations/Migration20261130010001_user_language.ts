import { Migration } from '@mikro-orm/migrations';

/** The language of a person's mails, as the last sign-in had it: many mails are caused by a job or an operator, with no browser to ask. */
export class Migration20261130010001_user_language extends Migration {
  override up(): void {
    this.addSql(`
      alter table users add column language text not null default 'en'
        constraint users_language_check check (language ~ '^[a-z]{2}$')`);
  }

  override down(): void {
    this.addSql('alter table users drop column language');
  }
}
