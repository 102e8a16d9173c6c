import { expect, test } from 'vitest';
import type { BoardSubscription, TaskStatus } from './board.generated';
import { columnsOf, dropped, neighbour, type Task } from './columns';

function task(id: string, status: TaskStatus, priority = 5): Task {
  return {
    id,
    name: id,
    status,
    priority,
    taskType: 'TESTING',
    updatedAt: '2026-11-01T10:00:00.000000+00:00',
    leaseExpiresAt: null,
    project: null,
    assignedTo: null,
    blockedBy: { totalCount: 0, nodes: [] },
    blocks: { totalCount: 0 },
  };
}

function board(...tasks: Task[]): BoardSubscription['live'] {
  const column = (status: TaskStatus) => {
    const nodes = tasks.filter((one) => one.status === status);
    return { totalCount: nodes.length, nodes };
  };
  return {
    PENDING: column('PENDING'),
    QUEUED: column('QUEUED'),
    RUNNING: column('RUNNING'),
    FAILED: column('FAILED'),
    COMPLETED: column('COMPLETED'),
  };
}

test('a change is shown at once, and until the live query has the version that it made', () => {
  const one = task('one', 'PENDING');
  const data = board(one, task('two', 'QUEUED', 9));
  const patch = { status: 'QUEUED' as const };
  const pending = new Map([['one', { patch, until: null as string | null }]]);

  const [waiting, queued] = columnsOf(data, pending);

  expect(waiting).toEqual({ status: 'PENDING', tasks: [], totalCount: 0 });
  expect(queued?.tasks.map(({ id }) => id)).toEqual(['two', 'one']);
  expect(queued?.totalCount).toBe(2);
  const updatedAt = '2026-11-01T10:00:01.000000+00:00';
  const answered = new Map([['one', { patch, until: updatedAt }]]);
  expect(columnsOf(data, answered)[1]?.totalCount).toBe(2);
  expect(columnsOf(board({ ...one, updatedAt }), answered)[0]?.totalCount).toBe(1);
});

test('a task moves to the nearest column that it may be in', () => {
  expect(neighbour('PENDING', 1)).toBe('QUEUED');
  expect(neighbour('RUNNING', -1)).toBe('QUEUED');
  expect(neighbour('FAILED', -1)).toBe('QUEUED');
  expect(neighbour('FAILED', 1)).toBeUndefined();
  expect(neighbour('COMPLETED', -1)).toBeUndefined();
});

test('a task is dropped where its status may go, and takes the priority of one of its column', () => {
  const dragged = task('one', 'PENDING', 5);

  expect(dropped(dragged, 'QUEUED')).toEqual({ status: 'QUEUED' });
  expect(dropped(dragged, 'QUEUED', task('two', 'QUEUED', 9))).toEqual({ status: 'QUEUED' });
  expect(dropped(dragged, 'COMPLETED')).toBeUndefined();
  expect(dropped(dragged, 'PENDING')).toBeUndefined();
  expect(dropped(dragged, 'PENDING', task('two', 'PENDING', 9))).toEqual({ priority: 9 });
  expect(dropped(dragged, 'PENDING', dragged)).toBeUndefined();
  expect(dropped(task('three', 'FAILED', 5), 'FAILED', task('four', 'FAILED', 9))).toBeUndefined();
});
