import { MikroOrmModule } from '@mikro-orm/nestjs';
import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { Module } from '@nestjs/common';
import { Config } from '../config/config.js';
import { ormOptions } from '../mikro-orm.config.js';
import { DatabaseHealth } from './database-health.js';
import { Notifications } from './notifications.js';
import { entitiesOfRequest } from './request-context.js';

/** The connection pool of this process and what tells whether it works. */
@Module({
  imports: [
    MikroOrmModule.forRootAsync({
      driver: PostgreSqlDriver,
      inject: [Config],
      useFactory: (config: Config) => ({
        ...ormOptions(requireUrl(config), config),
        context: entitiesOfRequest,
        registerRequestContext: false,
      }),
    }),
  ],
  providers: [DatabaseHealth, Notifications],
  exports: [DatabaseHealth, Notifications],
})
export class DatabaseModule {}

function requireUrl(config: Config): string {
  if (!config.databaseUrl) throw new Error('the application was made before its database server was opened');
  return config.databaseUrl;
}
