// The columns of the board, with changes that are shown before the server has answered.
import type { BoardColumnFragment, BoardSubscription, TaskStatus } from './board.generated';

export type Task = BoardColumnFragment['nodes'][number];
export type Patch = { status?: TaskStatus; priority?: number };
/** A change that the live query may not have yet: `until` is the version that has it, null before the answer. */
export type Pending = { patch: Patch; until: string | null };
export type Column = { status: TaskStatus; tasks: readonly Task[]; totalCount: number };

export const STATUSES: readonly TaskStatus[] = ['PENDING', 'QUEUED', 'RUNNING', 'FAILED', 'COMPLETED'];
export const HIGHEST = 10;

// What the server lets a task become; it has the last word, and says why not.
const NEXT: Record<TaskStatus, readonly TaskStatus[]> = {
  PENDING: ['QUEUED', 'RUNNING', 'FAILED'],
  QUEUED: ['PENDING', 'RUNNING', 'FAILED'],
  RUNNING: ['QUEUED', 'FAILED', 'COMPLETED'],
  FAILED: ['QUEUED'],
  COMPLETED: [],
};

export function nextOf(status: TaskStatus): readonly TaskStatus[] {
  return NEXT[status];
}

/** The status to the left (-1) or right (1) on the board that a task may take; the nearest first. */
export function neighbour(status: TaskStatus, by: 1 | -1): TaskStatus | undefined {
  const at = STATUSES.indexOf(status);
  const order = by === 1 ? STATUSES.slice(at + 1) : STATUSES.slice(0, at).toReversed();
  return order.find((other) => NEXT[status].includes(other));
}

/**
 * What dropping a task on a column changes, or on another task `onto` of its own column, whose priority it takes.
 * Undefined where nothing may come of it. What has ended is not in the order of priority.
 */
export function dropped(task: Task, status: TaskStatus, onto?: Task): Patch | undefined {
  if (status !== task.status) return NEXT[task.status].includes(status) ? { status } : undefined;
  const ordered = status !== 'COMPLETED' && status !== 'FAILED';
  return ordered && onto && onto.priority !== task.priority ? { priority: onto.priority } : undefined;
}

/** What is shown: the tasks as the server has them, and each change that it has not answered yet. */
export function columnsOf(
  data: BoardSubscription['live'],
  pending: ReadonlyMap<string, Pending>,
): readonly Column[] {
  const moved = new Map<TaskStatus, Task[]>();
  const kept = STATUSES.map((status) => {
    const tasks: Task[] = [];
    for (const task of data[status].nodes) {
      const changed = withPending(task, pending);
      if (changed.status === status) tasks.push(changed);
      else moved.set(changed.status, [...(moved.get(changed.status) ?? []), changed]);
    }
    return {
      status,
      tasks,
      totalCount: data[status].totalCount - (data[status].nodes.length - tasks.length),
    };
  });
  return kept.map(({ status, tasks, totalCount }) => {
    const arrived = moved.get(status) ?? [];
    const all = [...arrived, ...tasks];
    if (status !== 'COMPLETED' && status !== 'FAILED') all.sort((a, b) => b.priority - a.priority);
    return { status, tasks: all, totalCount: totalCount + arrived.length };
  });
}

function withPending(task: Task, pending: ReadonlyMap<string, Pending>): Task {
  const change = pending.get(task.id);
  return change && isShown(change, task.updatedAt) ? { ...task, ...change.patch } : task;
}

/** Whether a change is not yet in the version of a task that the live query has told. */
export function isShown({ until }: Pending, updatedAt: string): boolean {
  return until === null || updatedAt < until;
}
