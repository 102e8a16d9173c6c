import { expect, test } from 'vitest';
import type { HomeInstanceFragment } from './home.generated';
import { arranged, needsPerson, rowOf } from './rows';

const AT = (minute: number) => `2026-11-01T10:${String(minute).padStart(2, '0')}:00.000000+00:00`;

function instance(id: string, given: Partial<HomeInstanceFragment> = {}): HomeInstanceFragment {
  return {
    id,
    name: id,
    status: 'RUNNING',
    createdAt: AT(0),
    lastHeartbeat: AT(1),
    activity: 'WORKING',
    activitySince: AT(5),
    activityDetail: null,
    model: null,
    lastMessage: null,
    contextUsedPercent: null,
    worktreePath: null,
    project: null,
    gitWorktrees: { nodes: [] },
    permissionRequests: { nodes: [] },
    usage: { aggregate: { sum: { costMicroUsd: null } } },
    ...given,
  };
}

const asking = (id: string, minute: number) =>
  instance(id, {
    permissionRequests: {
      nodes: [
        {
          id: `r-${id}`,
          toolName: 'Bash',
          toolInput: { command: 'npm\n test' },
          heldUntil: null,
          askedAt: AT(minute),
        },
      ],
    },
  });

test('who needs a person comes first, and who needs one for longest before others', () => {
  const rows = [
    instance('works'),
    asking('asks-late', 9),
    instance('failed', { status: 'ERROR' }),
    instance('question', { activity: 'WAITING_ANSWER' }),
    asking('asks-early', 3),
    instance('turn', { activity: 'IDLE' }),
    instance('old', { status: 'IDLE', activity: null }),
  ].map(rowOf);

  const order = arranged(rows).map(({ id }) => id);

  expect(order).toEqual(['asks-early', 'asks-late', 'question', 'failed', 'turn', 'works', 'old']);
  expect(rows.filter(needsPerson)).toHaveLength(3);
});

test('a permission that is asked for tells the tool and its argument, since when, and by which key it is answered', () => {
  expect(rowOf(asking('a', 7))).toMatchObject({
    state: 'permission',
    detail: 'Bash npm test',
    since: AT(7),
    requestId: 'r-a',
  });
});

test('an instance of which no source tells what it does is told by its status', () => {
  expect(rowOf(instance('a', { activity: null })).state).toBe('working');
  expect(rowOf(instance('a', { activity: null, status: 'IDLE' })).state).toBe('idle');
  expect(rowOf(instance('a', { activity: null, activitySince: null })).since).toBe(AT(0));
});

test('the search takes all words, in any column and either case, and a row that comes twice is shown once', () => {
  const rows = [instance('API-one', { lastMessage: '設定を直した' }), instance('other')].map(rowOf);

  expect(arranged([...rows, ...rows], 'api 設定').map(({ id }) => id)).toEqual(['API-one']);
  expect(arranged(rows, 'none')).toEqual([]);
});
