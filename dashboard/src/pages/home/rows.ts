// The lines of the first page: who needs a person comes first, and who needs one for longest before others.

import { partOf } from '@/data/wordsSought';
import { named } from '@/ui/named';
import { STATES, type State, stateOf } from '@/ui/State';
import { summaryOf } from '@/ui/toolInput';
import type {
  HomeInstanceFragment,
  HomeSearchSubscription,
  HomeSearchSubscriptionVariables,
  HomeSubscriptionVariables,
} from './home.generated';

const DAY = 86_400_000;

/** What the page asks for on the day that began at a moment, in milliseconds. */
export function variablesOf(today: number): HomeSubscriptionVariables {
  return { today: new Date(today).toISOString(), recently: new Date(today - DAY).toISOString() };
}

const MOST_WORDS = 8; // of a search that takes each for itself; a longer one is sought as it is
const LONGEST_SEARCH = 500; // characters

/** What is asked of the server for a search, with what the page asks for. */
export function searchOf(search: string, today: number): HomeSearchSubscriptionVariables {
  const words = wordsOf(search);
  return {
    where: { and: words.map((word) => ({ or: whereWordIs(partOf(word)) })) },
    words: search.trim().slice(0, LONGEST_SEARCH),
    today: new Date(today).toISOString(),
  };
}

function wordsOf(search: string): string[] {
  const text = search.trim().slice(0, LONGEST_SEARCH);
  const words = text.split(/\s+/);
  return words.length > MOST_WORDS ? [text] : words;
}

type Where = HomeSearchSubscriptionVariables['where'];

function whereWordIs(ilike: string): Where[] {
  return [
    { name: { ilike } },
    { worktreePath: { ilike } },
    { model: { ilike } },
    { activityDetail: { ilike } },
    { lastMessage: { ilike } },
    { project: { or: [{ name: { ilike } }, { owner: { username: { ilike } } }] } },
    { session: { user: { username: { ilike } } } },
    { gitWorktrees: { some: { currentBranch: { ilike } } } },
    { receivedUltrathinkMessages: { some: { instructionContent: { ilike } } } },
  ];
}

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
  /** Whose session it is; empty where it has none. */
  person: string;
  branch: string;
  model: string;
  lastMessage: string;
  /** What a person has asked of it, where it was found by that. */
  prompt: string;
  contextUsedPercent: number | null;
  /** Millionths of a US dollar, today. */
  cost: number;
};

export function rowOf(instance: HomeInstanceFragment, prompt = ''): Row {
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
        : state === 'ended'
          ? (instance.terminatedAt ?? instance.lastHeartbeat)
          : (instance.activitySince ?? instance.createdAt),
    detail: asked
      ? `${request.toolName} ${summaryOf(request.toolInput)}`.trim()
      : (instance.activityDetail ?? ''),
    requestId: asked ? request.id : null,
    heldUntil: asked ? request.heldUntil : null,
    name: named(instance.name, instance.id),
    project: instance.project?.name ?? '',
    person: instance.session?.user?.username ?? '',
    branch: instance.gitWorktrees.nodes[0]?.currentBranch ?? instance.worktreePath ?? '',
    model: instance.model ?? '',
    lastMessage: instance.lastMessage ?? '',
    prompt,
    contextUsedPercent: instance.contextUsedPercent,
    cost: Number(instance.usage.aggregate.sum.costMicroUsd ?? 0),
  };
}

/** Each row once, the last of those that are given, in the order of how much they need a person. */
export function arranged(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()].sort(
    (a, b) =>
      STATES.indexOf(a.state) - STATES.indexOf(b.state) ||
      // Who works for longest comes first; of those that are over, who ended last.
      (a.since ?? '').localeCompare(b.since ?? '') * (a.state === 'ended' ? -1 : 1),
  );
}

/** The rows that show all words of the search. */
export function fitting(rows: readonly Row[], search: string): Row[] {
  const words = wordsOf(search.toLocaleLowerCase());
  return rows.filter((row) => {
    const shown = [row.name, row.project, row.person, row.branch, row.model, row.detail, row.lastMessage];
    const text = [...shown, row.prompt].join('\n').toLocaleLowerCase();
    return words.every((word) => text.includes(word));
  });
}

/** The rows of an answer to a search. */
export function foundIn({ ccInstances, prompts }: HomeSearchSubscription['live']): Row[] {
  const asked = prompts.nodes.flatMap(({ ccInstance, message }) =>
    ccInstance ? [rowOf(ccInstance, message)] : [],
  );
  // Of several prompts the newest is shown, which comes first.
  return [...asked.reverse(), ...ccInstances.nodes.map((instance) => rowOf(instance))];
}
