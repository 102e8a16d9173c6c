import { expect, test } from 'vitest';
import { errorRows, everyTime, sinceOf, toolRows } from './rows';

const NOW = Date.parse('2026-11-10T15:40:00Z');

test('a period begins with a whole hour or UTC day and has every one of them', () => {
  expect(sinceOf(1, NOW)).toBe('2026-11-09T16:00:00.000Z');
  expect(sinceOf(7, NOW)).toBe('2026-11-04T00:00:00.000Z');
  const rows = [{ key: '2026-11-05T00:00:00.000Z', cost: 4 }];

  const all = everyTime(rows, sinceOf(7, NOW), 7, (key) => ({ key, cost: 0 }));

  expect(all.map(({ cost }) => cost)).toEqual([0, 4, 0, 0, 0, 0, 0]);
  expect(all.at(-1)?.key).toBe('2026-11-10T00:00:00.000Z');
});

test('the tool that took most time in all comes first', () => {
  const group = (toolName: string, count: number, ms: number) => ({
    key: { toolName },
    count,
    avg: { executionTimeMs: ms },
    p95: { executionTimeMs: ms },
    max: { executionTimeMs: ms },
  });
  const rows = toolRows({
    all: { groups: [group('Read', 10, 5), group('Bash', 3, 900)] },
    failed: { groups: [{ key: { toolName: 'Bash' }, count: 2 }] },
  });

  expect(rows.map(({ key, failed }) => [key, failed])).toEqual([
    ['Bash', 2],
    ['Read', 0],
  ]);
});

test('errors of a day are summed over their categories', () => {
  const key = { createdAtDay: '2026-11-05T00:00:00.000000+00:00', createdAtHour: null };
  const rows = errorRows([
    { key: { ...key, category: 'GIT' }, count: 2 },
    { key: { ...key, category: 'MCP' }, count: 1 },
  ]);

  expect(rows).toEqual([
    {
      key: '2026-11-05T00:00:00.000Z',
      count: 3,
      categories: [
        ['GIT', 2],
        ['MCP', 1],
      ],
    },
  ]);
});
