import { writeFileSync } from 'node:fs';
import pg from 'pg';
import { withMaintenanceOrm } from '../database/maintenance-orm.js';
import { describeSchema } from '../database/schema-description.js';
import { CONTRACT_FILE } from '../verify-database.js';
import { runCommand, say } from './run-command.js';

await runCommand({
  usage: `Usage: npm run db:contract

Writes migrations/schema.contract.json, which db:verify compares databases with: the description of a database that all migrations have
just made. It is made and dropped beside yours, which needs the right to create databases. For developers, after a new migration.`,
  async run({ config }) {
    const server = (config.databaseDirectUrl ?? config.databaseUrl)!;
    const name = `tollgate_contract_${process.pid}`;
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    try {
      await client.query(`create database ${name} template template0`);
      const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
      const fresh = Object.assign(config.connectedTo(url), { databaseDirectUrl: undefined });
      const description = await withMaintenanceOrm(fresh, async (orm) => {
        await orm.migrator.up();
        return describeSchema(orm);
      });
      writeFileSync(CONTRACT_FILE, `${JSON.stringify(description, null, 2)}\n`);
      say('Wrote migrations/schema.contract.json.');
    } finally {
      await client.query(`drop database if exists ${name} with (force)`);
      await client.end();
    }
  },
});
