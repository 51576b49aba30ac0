import { PostgreSqlConnection, PostgreSqlDriver } from '@mikro-orm/postgresql';
import type { DatabaseConnection, Driver, PostgresDialect } from 'kysely';
import { storedJson } from '../common/domain/storable.js';

/**
 * The ORM's driver, whose transactions give their connection back even when the session is gone. The query builder below forgets to, when
 * `begin` or `rollback` fail: each such transaction would take one connection of the pool with it until the process ends, and a restart of
 * PostgreSQL under load all of them. Its documents are such as PostgreSQL takes, whatever a client or a model wrote.
 */
export class ReleasingDriver extends PostgreSqlDriver {
  constructor(config: ConstructorParameters<typeof PostgreSqlDriver>[0]) {
    super(config);
    Object.assign(this, { connection: new ReleasingConnection(this.config) });
    this.platform.convertJsonToDatabaseValue = storedJson;
  }
}

class ReleasingConnection extends PostgreSqlConnection {
  override createKyselyDialect(overrides: Parameters<PostgreSqlConnection['createKyselyDialect']>[0]): PostgresDialect {
    const dialect = super.createKyselyDialect(overrides);
    const createDriver = dialect.createDriver.bind(dialect);
    dialect.createDriver = () => releasing(createDriver());
    return dialect;
  }
}

/** The pool throws away what is given back broken; a connection that is given back twice would be somebody else's by then. */
function releasing(driver: Driver): Driver {
  const taken = new WeakSet<DatabaseConnection>();
  const acquire = driver.acquireConnection.bind(driver);
  const release = driver.releaseConnection.bind(driver);
  const begin = driver.beginTransaction.bind(driver);
  const rollback = driver.rollbackTransaction.bind(driver);
  driver.acquireConnection = async (...options) => {
    const connection = await acquire(...options);
    taken.add(connection);
    return connection;
  };
  driver.releaseConnection = async (connection, ...options) => {
    if (taken.delete(connection)) await release(connection, ...options);
  };
  const orRelease = async (connection: DatabaseConnection, work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (error) {
      await driver.releaseConnection(connection);
      throw error;
    }
  };
  driver.beginTransaction = (connection, settings) => orRelease(connection, begin(connection, settings));
  driver.rollbackTransaction = (connection) => orRelease(connection, rollback(connection));
  return driver;
}
