import { SQL } from "bun";
import { failureOf } from "./failures.ts";
import type { Parameters, Statement } from "./statement.ts";

/** One connection for one job that needs what no lane gives: several statements at once, session locks, no deadline. */
export interface Session {
  /** Runs text of one or more statements, without parameters. */
  run(text: string): Promise<void>;
  /** Rows of one statement. */
  query<P extends Parameters, R>(statement: Statement<P, R>, parameters: P): Promise<R[]>;
  close(): Promise<void>;
}

const connect_timeout_s = 10;

/**
 * Opens a connection and holds on to it: when it is lost, what runs and all that follows fails; nothing goes on silently
 * on another one. Time zone UTC, notices off.
 *
 * @throws {DatabaseUnavailable} when the server cannot be reached; {DatabaseError} when it refuses us or a statement
 */
export async function openSession(url: string, options: { application_name: string }): Promise<Session> {
  const pool = new SQL({
    url,
    max: 1,
    idleTimeout: 0,
    maxLifetime: 0,
    connectionTimeout: connect_timeout_s,
    connection: {
      application_name: options.application_name,
      TimeZone: "UTC",
      client_min_messages: "warning",
    },
  });
  const close = () => pool.close({ timeout: 0 });
  const connection = await pool.reserve().catch(async (error: unknown) => {
    await close();
    throw failureOf(error, "connect").error;
  });
  return {
    run: async (text) => {
      try {
        await connection.unsafe(text);
      } catch (error) {
        throw failureOf(error, "session").error;
      }
    },
    query: async <P extends Parameters, R>(statement: Statement<P, R>, parameters: P): Promise<R[]> => {
      try {
        const values = statement.parameters.map((name) => parameters[name]);
        return (await connection.unsafe(statement.text, values)) as R[];
      } catch (error) {
        throw failureOf(error, statement.name).error;
      }
    },
    close: async () => {
      // A lost connection refuses to be given back; closing the pool is what counts.
      await connection.release().catch(() => {});
      await close();
    },
  };
}
