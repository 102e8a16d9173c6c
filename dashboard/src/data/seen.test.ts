import { expect, test } from 'vitest';
import { changeSeen } from './seen';
import { RequestFailed, troubleOf } from './trouble';

const CONFLICT = new RequestFailed(troubleOf([{ message: 'changed', extensions: { code: 'CONFLICT' } }]));
const SEEN = { name: 'a', holder: { id: 1 }, updatedAt: '1' };

/** A server whose row has this version, and what was sent to it. */
function server(version: string) {
  const sent: string[] = [];
  const send = async (known: string) => {
    sent.push(known);
    if (known !== version) throw CONFLICT;
    return 'done';
  };
  return { sent, send };
}

test('a change is sent with the version that was seen', async () => {
  const { sent, send } = server('1');
  expect(await changeSeen(SEEN, () => Promise.reject(new Error('not asked')), send)).toBe('done');
  expect(sent).toEqual(['1']);
});

test('it is sent again where nothing that was seen has changed', async () => {
  const { sent, send } = server('2');
  expect(await changeSeen(SEEN, async () => ({ holder: { id: 1 }, updatedAt: '2' }), send)).toBe('done');
  expect(sent).toEqual(['1', '2']);
});

test("another's change of what was seen is told", async () => {
  const { sent, send } = server('2');
  await expect(changeSeen(SEEN, async () => ({ ...SEEN, name: 'b', updatedAt: '2' }), send)).rejects.toBe(
    CONFLICT,
  );
  expect(sent).toEqual(['1']);
});

test('a conflict of another kind, and a row that never rests, are told', async () => {
  const { sent, send } = server('never');
  await expect(changeSeen(SEEN, async () => SEEN, send)).rejects.toBe(CONFLICT);
  expect(sent).toEqual(['1']);
  let version = 1;
  const moving = async () => {
    version += 1;
    return { updatedAt: String(version) };
  };
  await expect(changeSeen(SEEN, moving, send)).rejects.toBe(CONFLICT);
  expect(sent.slice(1)).toEqual(['1', '2', '3', '4']);
});
