// The lines of the first page: who needs a person comes first, and who needs one for longest before others.
import { summaryOf } from '@/ui/toolInput';
import type { HomeInstanceFragment, HomeSubscriptionVariables } from './home.generated';

const DAY = 86_400_000;

/** What the page asks for on the day that began at a moment, in milliseconds. */
export function variablesOf(today: number): HomeSubscriptionVariables {
  return { today: new Date(today).toISOString(), recently: new Date(today - DAY).toISOString() };
}

/** What an instance does, in the order in which it needs a person. */
export const STATES = [
  'permission',
  'answer',
  'failed',
  'gone',
  'turn',
  'retrying',
  'working',
  'background',
  'idle',
] as const;
export type State = (typeof STATES)[number];

export type Row = {
  id: string;
  state: State;
  /** Since when it does that; null where no source has told. */
  since: string | null;
  /** What it waits for, or what it does. */
  detail: string;
  /** The permission that it asks for. */
  requestId: string | null;
  /** Until when it takes the answer from here; null where its terminal alone does. */
  heldUntil: string | null;
  name: string;
  project: string;
  branch: string;
  model: string;
  lastMessage: string;
  contextUsedPercent: number | null;
  /** Millionths of a US dollar, today. */
  cost: number;
};

const ACTIVITIES: Record<NonNullable<HomeInstanceFragment['activity']>, State> = {
  WAITING_PERMISSION: 'permission',
  WAITING_ANSWER: 'answer',
  IDLE: 'turn',
  WORKING: 'working',
  BACKGROUND: 'background',
  RETRYING: 'retrying',
  GONE: 'gone',
};

export function rowOf(instance: HomeInstanceFragment): Row {
  const request = instance.permissionRequests.nodes[0];
  const state = stateOf(instance);
  const asked = state === 'permission' && request !== undefined;
  return {
    id: instance.id,
    state,
    since: asked
      ? request.askedAt
      : state === 'failed'
        ? instance.lastHeartbeat
        : (instance.activitySince ?? instance.createdAt),
    detail: asked
      ? `${request.toolName} ${summaryOf(request.toolInput)}`.trim()
      : (instance.activityDetail ?? ''),
    requestId: asked ? request.id : null,
    heldUntil: asked ? request.heldUntil : null,
    name: instance.name,
    project: instance.project?.name ?? '',
    branch: instance.gitWorktrees.nodes[0]?.currentBranch ?? instance.worktreePath ?? '',
    model: instance.model ?? '',
    lastMessage: instance.lastMessage ?? '',
    contextUsedPercent: instance.contextUsedPercent,
    cost: Number(instance.usage.aggregate.sum.costMicroUsd ?? 0),
  };
}

function stateOf({ status, activity, permissionRequests }: HomeInstanceFragment): State {
  if (status === 'ERROR') return 'failed';
  if (permissionRequests.nodes.length > 0) return 'permission';
  if (activity !== null) return ACTIVITIES[activity];
  return status === 'RUNNING' ? 'working' : 'idle';
}

/** Whether a person has to do something before it goes on. */
export function needsPerson({ state }: Row): boolean {
  return state === 'permission' || state === 'answer';
}

/** The rows that contain all words of the search, each once, in the order of how much they need a person. */
export function arranged(rows: readonly Row[], search = ''): Row[] {
  const words = search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const once = [...new Map(rows.map((row) => [row.id, row])).values()];
  return once
    .filter((row) => {
      const text = [row.name, row.project, row.branch, row.model, row.detail, row.lastMessage]
        .join('\n')
        .toLocaleLowerCase();
      return words.every((word) => text.includes(word));
    })
    .sort(
      (a, b) =>
        STATES.indexOf(a.state) - STATES.indexOf(b.state) || (a.since ?? '').localeCompare(b.since ?? ''),
    );
}
