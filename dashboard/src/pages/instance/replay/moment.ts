// What was so at one moment of a recording.
import { countUntil } from '../events';
import type { Act, Actor, FileTouch, Recording, Spending, TaskStep } from './recording';

type Work = 'permission' | 'tool' | 'model';
export type Doing = Work | 'nothing' | 'ended';

/** What an instance did: what it was busy with, and since when, in milliseconds. */
export type State = { actor: Actor; doing: Doing; act: Act | null; since: number };

// What an instance waits for tells more than what it waits with.
const WEIGHT: Record<Work, number> = { permission: 3, tool: 2, model: 1 };

function workOf(act: Act): Work | null {
  return act.kind in WEIGHT ? (act.kind as Work) : null;
}

/** The acts that were going on, the oldest first. `begun` is how many had begun. */
export function goingOn(acts: readonly Act[], begun: number, at: number): Act[] {
  return acts.slice(0, begun).filter(({ to }) => to === null || to > at);
}

/** What each instance that was there did. */
export function states({ actors, acts }: Recording, begun: number, at: number): State[] {
  const busy = new Map<string, { act: Act; work: Work }>();
  const idle = new Map<string, number>();
  for (const act of acts.slice(0, begun)) {
    const work = workOf(act);
    if (work === null) continue;
    if (act.to !== null && act.to <= at) {
      idle.set(act.instance, Math.max(act.to, idle.get(act.instance) ?? 0));
      continue;
    }
    const before = busy.get(act.instance);
    if (before === undefined || WEIGHT[work] >= WEIGHT[before.work]) busy.set(act.instance, { act, work });
  }
  return actors.flatMap((actor): State[] => {
    if (actor.from > at) return [];
    if (actor.to !== null && actor.to <= at) return [{ actor, doing: 'ended', act: null, since: actor.to }];
    const doing = busy.get(actor.id);
    if (doing) return [{ actor, doing: doing.work, act: doing.act, since: doing.act.from }];
    return [{ actor, doing: 'nothing', act: null, since: idle.get(actor.id) ?? actor.from }];
  });
}

/** The last step of each task, those that changed of late first. */
export function tasksAt(steps: readonly TaskStep[], count: number): TaskStep[] {
  const last = new Map<string, TaskStep>();
  for (const step of steps.slice(0, count)) last.set(step.task, step);
  return [...last.values()].sort((a, b) => b.at - a.at);
}

export type TouchedFile = {
  path: string;
  last: FileTouch;
  operations: readonly (readonly [string, number])[];
};

/** The files that were touched, those of late first. */
export function filesAt(files: readonly FileTouch[], count: number): TouchedFile[] {
  const touched = new Map<string, { last: FileTouch; counts: Map<string, number> }>();
  for (const file of files.slice(0, count)) {
    const before = touched.get(file.path) ?? { last: file, counts: new Map<string, number>() };
    before.counts.set(file.operation, (before.counts.get(file.operation) ?? 0) + 1);
    touched.set(file.path, { ...before, last: file });
  }
  return [...touched]
    .map(([path, { last, counts }]) => ({ path, last, operations: [...counts] }))
    .sort((a, b) => b.last.at - a.last.at);
}

/** Cost in millionths of a US dollar, and tokens of all kinds. */
export function spentUntil(spent: readonly Spending[], at: number): { cost: number; tokens: number } {
  const some = spent.slice(
    0,
    countUntil(spent, at, (one) => one.at),
  );
  return {
    cost: some.reduce((sum, one) => sum + one.cost, 0),
    tokens: some.reduce((sum, one) => sum + one.tokens, 0),
  };
}

/** The change before (-1) or behind (1) a moment; the moment itself where there is none. */
export function neighbour(changes: readonly number[], at: number, by: 1 | -1): number {
  const until = countUntil(changes, at, (time) => time);
  const here = changes[until - 1] === at;
  return (by === 1 ? changes[until] : changes[until - (here ? 2 : 1)]) ?? at;
}

const STILL = 1_000; // milliseconds of the reader's in which nothing would change

/**
 * Where playing stands after `passed` milliseconds of the reader's. With `skipping`, a stretch in which nothing
 * changes takes no longer than a second.
 */
export function advanced(
  changes: readonly number[],
  at: number,
  passed: number,
  speed: number,
  skipping: boolean,
): number {
  const next = neighbour(changes, at, 1);
  const there = at + passed * speed;
  return skipping && next - at > STILL * speed && there < next ? next : there;
}

export type Bucket = { acts: number; failed: boolean; blocked: boolean };

/** How much happened in each of `count` equal parts of the time. */
export function buckets({ acts, lines }: Recording, from: number, to: number, count: number): Bucket[] {
  const all = Array.from({ length: count }, (): Bucket => ({ acts: 0, failed: false, blocked: false }));
  const place = (at: number) => Math.min(count - 1, Math.floor(((at - from) / (to - from)) * count));
  for (const act of acts) {
    const first = all[place(act.from)];
    if (first) first.acts += 1;
    const end = Math.min(to, act.to ?? to);
    const last = all[place(end)];
    if (act.failed && last) last.failed = true;
    if (act.kind === 'permission')
      for (const bucket of all.slice(place(act.from), place(end) + 1)) bucket.blocked = true;
  }
  for (const { at } of lines) {
    const bucket = all[place(at)];
    if (bucket) bucket.acts += 1;
  }
  return all;
}
