import { expect, test } from 'vitest';
import { timeline, turnEnds } from './events';
import type { TreeInstanceFragment } from './instance.generated';
import { MOST_LINES, NOTHING, reduce } from './logTail';
import { branches } from './tree';

const SUMS = {
  costMicroUsd: '5',
  inputTokens: '1',
  outputTokens: '2',
  cacheReadTokens: '3',
  cacheCreationTokens: null,
};

function instance(id: string, parentInstanceId: string | null, minute: number): TreeInstanceFragment {
  return {
    id,
    name: id,
    status: 'RUNNING',
    activity: null,
    permissionRequests: { nodes: [] },
    parentInstanceId,
    createdAt: `2026-11-01T10:0${minute}:00Z`,
    usage: { aggregate: { sum: SUMS } },
    subtreeUsage: { ...SUMS, cacheCreationTokens: '4', costMicroUsd: '9' },
  };
}

test('a tree is shown from the top, each behind its parent, the earlier first', () => {
  const below = [instance('b', 'top', 3), instance('a1', 'a', 4), instance('a', 'top', 2)];

  const shown = branches(instance('top', null, 1), below);

  expect(shown.map(({ id, depth }) => [id, depth])).toEqual([
    ['top', 0],
    ['a', 1],
    ['a1', 2],
    ['b', 1],
  ]);
  expect(shown[0]).toMatchObject({ own: { tokens: 6, cost: 5 }, subtree: { tokens: 10, cost: 9 } });
});

const line = (key: string) => ({ key, at: '', level: 'INFO', category: 'GIT', message: key });

test('a line that is in the page and comes as an event, too, is shown once, and none is lost between', () => {
  let state = reduce(NOTHING, { kind: 'lines', lines: [line('b')] });
  state = reduce(state, { kind: 'lines', lines: [line('c')] });
  state = reduce(state, { kind: 'page', lines: [line('a'), line('b')], total: 7 });
  state = reduce(state, { kind: 'lines', lines: [line('d')] });

  expect(state.lines?.map(({ key }) => key)).toEqual(['a', 'b', 'c', 'd']);
  expect(state.total).toBe(9);
});

test('the oldest lines are left out, and counted', () => {
  let state = reduce(NOTHING, { kind: 'page', lines: [], total: 0 });
  const lines = Array.from({ length: MOST_LINES }, (_, number) => line(`${number}`));
  state = reduce(state, { kind: 'lines', lines });
  state = reduce(state, { kind: 'lines', lines: ['x', 'y', 'z'].map(line) });

  expect(state.lines).toHaveLength(MOST_LINES);
  expect(state.lines?.[0]?.key).toBe('3');
  expect(state.total - (state.lines?.length ?? 0)).toBe(3);
});

test('what goes on ends now, and each kind has a lane with the time it took', () => {
  const common = { title: 'Bash', summary: '', failed: false, parts: [] };
  const shown = timeline(
    [
      { ...common, id: 'a', kind: 'tool', at: '2026-11-01T10:00:00Z', end: '2026-11-01T10:00:02Z' },
      { ...common, id: 'b', kind: 'permission', at: '2026-11-01T10:00:01Z', end: null },
    ],
    Date.parse('2026-11-01T10:00:05Z'),
  );

  expect(shown.to - shown.from).toBe(5_000);
  expect(shown.lanes.map(({ kind, total }) => [kind, total])).toEqual([
    ['tool', 2_000],
    ['permission', 4_000],
  ]);
});

test('what overlaps stands below each other, and counts once', () => {
  const common = { kind: 'tool' as const, title: 'Bash', summary: '', failed: false, parts: [] };
  const at = (second: number) => `2026-11-01T10:00:0${second}Z`;
  const [lane] = timeline(
    [
      { ...common, id: 'a', at: at(0), end: at(4) },
      { ...common, id: 'b', at: at(1), end: at(2) },
      { ...common, id: 'c', at: at(2), end: at(6) },
    ],
    Date.parse(at(9)),
  ).lanes;

  expect(lane?.bars.map(({ id, row }) => [id, row])).toEqual([
    ['a', 0],
    ['b', 1],
    ['c', 1],
  ]);
  expect([lane?.rows, lane?.total]).toEqual([2, 6_000]);
});

test('a turn ends with the last that was done before the next one, and goes on while that does', () => {
  const acts = [
    { from: 5, to: 9 },
    { from: 12, to: 40 },
    { from: 13, to: 15 },
    { from: 31, to: null },
  ];

  expect([...turnEnds([30, 10, 50], acts)]).toEqual([
    [10, 40],
    [30, null],
    [50, 50],
  ]);
});
