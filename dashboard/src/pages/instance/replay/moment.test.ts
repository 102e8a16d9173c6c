import { expect, test } from 'vitest';
import { countUntil } from '../events';
import { advanced, buckets, filesAt, goingOn, neighbour, spentUntil, states, tasksAt } from './moment';
import { arranged, type Sources } from './recording';

const NOTHING: Sources = {
  prompts: [],
  calls: [],
  instructions: [],
  permissions: [],
  usage: [],
  logs: [],
  tasks: [],
  files: [],
};
const second = (number: number) => `2026-11-01T10:00:${String(number).padStart(2, '0')}Z`;
const at = (number: number) => Date.parse(second(number));
const call = (id: string, from: number, to: number | null, status: 'COMPLETED' | 'FAILED' | 'RUNNING') => ({
  id,
  ccInstanceId: 'one',
  toolName: 'Bash',
  status,
  startedAt: second(from),
  completedAt: to === null ? null : second(to),
  arguments: { command: id },
});
const ONE = { id: 'one', name: 'one', createdAt: second(0), terminatedAt: null };

function recorded(rows: Partial<Sources>, ended: number | null = null) {
  const instance = { ...ONE, terminatedAt: ended === null ? null : second(ended) };
  return { ...arranged([instance], { ...NOTHING, ...rows }), since: null, leftOut: 0, actorsLeftOut: 0 };
}

test('what goes on at a moment has begun and has not ended', () => {
  const { acts } = recorded({
    calls: [call('b', 3, 9, 'FAILED'), call('a', 1, 5, 'COMPLETED'), call('c', 7, null, 'RUNNING')],
  });

  const on = (moment: number) =>
    goingOn(
      acts,
      countUntil(acts, at(moment), ({ from }) => from),
      at(moment),
    ).map(({ id }) => id);
  expect([0, 1, 3, 5, 8, 30].map(on)).toEqual([[], ['a'], ['a', 'b'], ['b'], ['b', 'c'], ['c']]);
});

test('what never ended has ended with its instance', () => {
  const { acts, changes } = recorded({ calls: [call('a', 1, null, 'RUNNING')] }, 4);

  expect(acts[0]?.to).toBe(at(4));
  expect(changes).toEqual([at(1), at(4)]);
});

test('waiting for a person tells more than the tool that waits, and an instance is idle since its last end', () => {
  const permission = {
    id: 'p',
    ccInstanceId: 'one',
    toolName: 'Bash',
    toolInput: { command: 'make' },
    askedAt: second(2),
    answeredAt: second(4),
    decision: 'DENY' as const,
    message: 'no',
  };
  const recording = recorded({ calls: [call('a', 1, 6, 'COMPLETED')], permissions: [permission] }, 20);
  const told = (moment: number) => {
    const begun = countUntil(recording.acts, at(moment), ({ from }) => from);
    return states(recording, begun, at(moment)).map(({ doing, since }) => [doing, (since - at(0)) / 1_000]);
  };

  expect([0, 1, 3, 5, 9, 20].map(told)).toEqual([
    [['nothing', 0]],
    [['tool', 1]],
    [['permission', 2]],
    [['tool', 1]],
    [['nothing', 6]],
    [['ended', 20]],
  ]);
});

test('a task is what its last step made of it, files are counted, and money is spent when a request ends', () => {
  const task = {
    id: 't',
    name: 'Build',
    status: 'FAILED' as const,
    assignedToId: 'one',
    createdAt: second(1),
    queuedAt: second(2),
    startedAt: second(3),
    completedAt: null,
    updatedAt: second(8),
  };
  const file = (id: string, moment: number) => ({
    id,
    operationType: 'UPDATE' as const,
    filePath: 'a.py',
    createdAt: second(moment),
    success: true,
  });
  const usage = {
    id: 'u',
    ccInstanceId: 'one',
    sessionId: null,
    model: 'opus',
    requestedAt: second(1),
    durationMs: 2_000,
    inputTokens: 1,
    outputTokens: 2,
    cacheReadTokens: 3,
    cacheCreationTokens: 4,
    costMicroUsd: '7',
  };
  const { steps, files, spent } = recorded({
    tasks: [task],
    files: [file('y', 6), file('x', 4)],
    usage: [usage],
  });

  const status = (moment: number) =>
    tasksAt(
      steps,
      countUntil(steps, at(moment), (step) => step.at),
    ).map((step) => step.status);
  expect([0, 1, 2, 7, 8].map(status)).toEqual([[], ['PENDING'], ['QUEUED'], ['RUNNING'], ['FAILED']]);
  expect(filesAt(files, 1)[0]?.operations).toEqual([['UPDATE', 1]]);
  expect(filesAt(files, 2)[0]).toMatchObject({
    path: 'a.py',
    last: { at: at(6) },
    operations: [['UPDATE', 2]],
  });
  expect(spentUntil(spent, at(2))).toEqual({ cost: 0, tokens: 0 });
  expect(spentUntil(spent, at(3))).toEqual({ cost: 7, tokens: 10 });
});

test('one goes from change to change, and stays at the last', () => {
  const changes = [10, 20, 30];

  expect([5, 10, 15, 30].map((place) => neighbour(changes, place, 1))).toEqual([10, 20, 20, 30]);
  expect([10, 15, 20, 99].map((place) => neighbour(changes, place, -1))).toEqual([10, 10, 10, 30]);
});

test('playing takes a long stretch without change in one step, and a short one in its time', () => {
  const changes = [0, 1_500, 100_000];

  expect(advanced(changes, 0, 100, 1, false)).toBe(100);
  expect(advanced(changes, 0, 100, 1, true)).toBe(1_500);
  expect(advanced(changes, 0, 100, 5, true)).toBe(500);
  expect(advanced(changes, 1_500, 100, 5, true)).toBe(100_000);
  expect(advanced(changes, 99_900, 100, 5, true)).toBe(100_400);
});

test('each part of the time has what began in it, and whether something failed there', () => {
  const recording = recorded({ calls: [call('a', 0, 1, 'FAILED'), call('b', 9, 9, 'COMPLETED')] });

  expect(buckets(recording, at(0), at(10), 2)).toEqual([
    { acts: 1, failed: true, blocked: false },
    { acts: 1, failed: false, blocked: false },
  ]);
});
