// The groups of every view as rows of one shape, and every hour or day of the period, also one without any.
import type { UsageByToolQuery, UsageErrorsQuery, UsageGroupFragment } from './usage.generated';

export type UsedRow = {
  key: string;
  requests: number;
  input: number;
  output: number;
  cached: number;
  cost: number;
  /** Milliseconds, null where none was told. */
  duration: number | null;
};
export type ToolRow = {
  key: string;
  calls: number;
  failed: number;
  mean: number | null;
  /** What 95 of 100 calls do not exceed. */
  p95: number | null;
  longest: number | null;
};
export type ErrorRow = { key: string; count: number; categories: readonly (readonly [string, number])[] };

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The key of rows whose group has none, such as requests of no project. */
export const NOTHING = '';

export function usedRow(key: string | number | null | undefined, group: UsageGroupFragment): UsedRow {
  const { sum } = group;
  return {
    key: key === null || key === undefined ? NOTHING : String(key),
    requests: group.count,
    input: Number(sum.inputTokens ?? 0),
    output: Number(sum.outputTokens ?? 0),
    cached: Number(sum.cacheReadTokens ?? 0) + Number(sum.cacheCreationTokens ?? 0),
    cost: Number(sum.costMicroUsd ?? 0),
    duration: group.avg.durationMs,
  };
}

export function toolRows({ all, failed }: UsageByToolQuery): ToolRow[] {
  const failures = new Map(failed.groups.map(({ key, count }) => [key.toolName, count]));
  return all.groups
    .map(({ key, count, avg, p95, max }) => ({
      key: key.toolName ?? NOTHING,
      calls: count,
      failed: failures.get(key.toolName) ?? 0,
      mean: avg.executionTimeMs,
      p95: p95.executionTimeMs,
      longest: max.executionTimeMs,
    }))
    .sort((a, b) => (b.mean ?? 0) * b.calls - (a.mean ?? 0) * a.calls);
}

/** Errors of each hour or day, with how many of each category. */
export function errorRows(groups: UsageErrorsQuery['ccLogs']['groups']): ErrorRow[] {
  const rows = new Map<string, { count: number; categories: [string, number][] }>();
  for (const { key, count } of groups) {
    const at = stamp(key.createdAtDay ?? key.createdAtHour);
    const row = rows.get(at) ?? { count: 0, categories: [] };
    row.count += count;
    row.categories.push([key.category ?? NOTHING, count]);
    rows.set(at, row);
  }
  return [...rows].map(([key, row]) => ({ key, ...row }));
}

/** The beginning of an hour or a day, as `Date` spells it. */
export function stamp(at: string | null | undefined): string {
  return at ? new Date(at).toISOString() : NOTHING;
}

/** Where a period begins: the hour a day ago, or the UTC day so many days ago; the API groups by UTC. */
export function sinceOf(days: number, now: number): string {
  const unit = days === 1 ? HOUR : DAY;
  return new Date(Math.floor(now / unit) * unit - (days === 1 ? 23 : days - 1) * unit).toISOString();
}

/** Rows for every hour or day since then, in their order. */
export function everyTime<Row extends { key: string }>(
  rows: readonly Row[],
  since: string,
  days: number,
  empty: (key: string) => Row,
): Row[] {
  const unit = days === 1 ? HOUR : DAY;
  const found = new Map(rows.map((row) => [row.key, row]));
  return Array.from({ length: days === 1 ? 24 : days }, (_, index) => {
    const key = new Date(Date.parse(since) + index * unit).toISOString();
    return found.get(key) ?? empty(key);
  });
}
