// Changes to what the reader saw. A row gets a new version with every change, also by what is not shown of it: the
// reader is told of another's change only where what was shown has become something else.
import { troubleOfThrown } from './trouble';

export type Versioned = { updatedAt: string };

const ATTEMPTS = 4; // a row that changes faster than that is told as changed

/**
 * Send a change with the version that it is made to. Where the row has another version but still is what was
 * `seen`, as `read` tells (null where it is gone), it is sent again. Throws what `send` and `read` throw.
 */
export async function changeSeen<Row extends Versioned, Answer>(
  seen: Row,
  read: () => Promise<(Partial<Row> & Versioned) | null>,
  send: (ifUnmodifiedSince: string) => Promise<Answer>,
): Promise<Answer> {
  let version = seen.updatedAt;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send(version);
    } catch (error) {
      if (attempt === ATTEMPTS || troubleOfThrown(error).kind !== 'conflict') throw error;
      const now = await read();
      if (now === null || now.updatedAt === version || !isSame(seen, now)) throw error;
      version = now.updatedAt;
    }
  }
}

/** Whether all that was read is as it was seen, but for the version. */
function isSame<Row extends Versioned>(seen: Row, now: Partial<Row>): boolean {
  const names = Object.keys(now) as (keyof Row)[];
  return names.every(
    (name) => name === 'updatedAt' || JSON.stringify(now[name]) === JSON.stringify(seen[name]),
  );
}
