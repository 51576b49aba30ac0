import { Migration } from '@mikro-orm/migrations';

/**
 * How a model did in a run stays when its user is forgotten, so what a provider said of a request, and quoted of it, does not. New rows are written
 * without it; this is for those from before. It is not brought back.
 */
export class Migration20261201050000_refusals_without_quotes extends Migration {
  override up(): void {
    this.addSql(`
      update ai_model_performance
         set error_message = 'The provider refused the request. What it said may quote the user, who alone is told.'
       where error_message like 'The provider refused the request: %'`);
  }

  override down(): void {
    // Nobody needs the quotes, and nothing reads them.
  }
}
