import { expect, test } from 'vitest';
import { needsPerson } from '@/ui/State';
import type { HomeInstanceFragment } from './home.generated';
import { arranged, fitting, foundIn, rowOf, searchOf } from './rows';

const AT = (minute: number) => `2026-11-01T10:${String(minute).padStart(2, '0')}:00.000000+00:00`;

function instance(id: string, given: Partial<HomeInstanceFragment> = {}): HomeInstanceFragment {
  return {
    id,
    name: id,
    status: 'RUNNING',
    createdAt: AT(0),
    lastHeartbeat: AT(1),
    terminatedAt: null,
    activity: 'WORKING',
    activitySince: AT(5),
    activityDetail: null,
    model: null,
    lastMessage: null,
    contextUsedPercent: null,
    worktreePath: null,
    project: null,
    session: null,
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
  ].map((node) => rowOf(node));

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
  const rows = [instance('API-one', { lastMessage: '設定を直した' }), instance('other')].map((node) =>
    rowOf(node),
  );

  expect(fitting(arranged([...rows, ...rows]), 'api 設定').map(({ id }) => id)).toEqual(['API-one']);
  expect(fitting(rows, 'none')).toEqual([]);
});

test('the server is asked for each word, and for a long text as it is', () => {
  const { where, words } = searchOf(' 100%  設定 ', 0);

  expect(words).toBe('100%  設定');
  expect(where.and?.map(({ or }) => or?.[0])).toEqual([
    { name: { ilike: '%100\\%%' } },
    { name: { ilike: '%設定%' } },
  ]);
  const sentence = 'please mend the login of the zanzibar office today';
  expect(searchOf(sentence, 0).where.and?.map(({ or }) => or?.[0])).toEqual([
    { name: { ilike: `%${sentence}%` } },
  ]);
  expect(searchOf('x'.repeat(10_000), 0).words).toHaveLength(500);
});

test('what is found by its prompt tells it, the newest, and ended ones come behind, the last first', () => {
  const ended = (id: string, minute: number) =>
    instance(id, { status: 'STOPPED', activity: 'GONE', terminatedAt: AT(minute) });
  const rows = foundIn({
    ccInstances: { totalCount: 3, nodes: [ended('old', 1), ended('new', 5), instance('works')] },
    prompts: {
      nodes: [
        { message: 'second', ccInstance: instance('asked') },
        { message: 'first', ccInstance: instance('asked') },
        { message: 'of none', ccInstance: null },
      ],
    },
  });

  expect(arranged(rows).map(({ id, state, prompt }) => [id, state, prompt])).toEqual([
    ['asked', 'working', 'second'],
    ['works', 'working', ''],
    ['new', 'ended', ''],
    ['old', 'ended', ''],
  ]);
});
