// All that an instance and those below it did, read page by page, in the order of time.
import type { TypedDocumentNode } from '@urql/core';
import { ask } from '@/data/client';
import {
  type Happening,
  type Kind,
  ofInstruction,
  ofModel,
  ofPermission,
  ofPrompt,
  ofTool,
  turnEnds,
  type Unfolded,
} from '../events';
import {
  ReplayCallsDocument,
  type ReplayCallsQuery,
  ReplayFilesDocument,
  type ReplayFilesQuery,
  type ReplayInstanceFragment,
  ReplayInstancesDocument,
  ReplayInstructionsDocument,
  type ReplayInstructionsQuery,
  ReplayLogsDocument,
  type ReplayLogsQuery,
  ReplayPermissionsDocument,
  type ReplayPermissionsQuery,
  ReplayPromptsDocument,
  type ReplayPromptsQuery,
  ReplayTasksDocument,
  type ReplayTasksQuery,
  ReplayUsageDocument,
  type ReplayUsageQuery,
} from './replay.generated';

/** Entries of each kind that are read; older ones are left out. */
export const MOST = 10_000;

/** What began and ended, or goes on; times in milliseconds. */
export type Act = {
  id: string;
  instance: string;
  kind: Kind;
  from: number;
  to: number | null;
  title: string;
  summary: string;
  failed: boolean;
  parts: readonly Unfolded[];
};
export type Line = { id: string; at: number; level: string; category: string; message: string };
export type FileTouch = { id: string; at: number; path: string; operation: string; success: boolean };
export type TaskStep = { task: string; name: string; status: ReplayTask['status']; at: number };
export type Spending = { at: number; cost: number; tokens: number };
export type Actor = { id: string; name: string; from: number; to: number | null };

/** Each list is in the order of time. */
export type Recording = {
  actors: readonly Actor[];
  acts: readonly Act[];
  lines: readonly Line[];
  files: readonly FileTouch[];
  steps: readonly TaskStep[];
  spent: readonly Spending[];
  /** The moments at which something begins, ends or is told; each once. */
  changes: readonly number[];
  /** From when on it has entries of every kind, in milliseconds; null where nothing is left out. */
  since: number | null;
  /** Entries that are older than those that were read. */
  leftOut: number;
  /** Instances below it that are not in it. */
  actorsLeftOut: number;
};

type Found<Query extends { found: { nodes: readonly unknown[] } }> = Query['found']['nodes'][number];
type ReplayTask = Found<ReplayTasksQuery>;
type Page<Node> = {
  found: {
    totalCount: number;
    pageInfo: { hasNextPage: boolean; endCursor: string | null };
    nodes: readonly Node[];
  };
};
type All<Node> = {
  nodes: readonly Node[];
  leftOut: number;
  /** From when on all are there; null where none is left out. */
  since: number | null;
};

/** Read it; `progress` hears how many entries are there. Null where there is no such instance. Throws `RequestFailed`. */
export async function record(
  id: string,
  signal: AbortSignal,
  progress: (read: number) => void,
): Promise<Recording | null> {
  let read = 0;
  const everything = async <Node, Given extends object>(
    document: TypedDocumentNode<Page<Node>, Given & { after?: string | null | undefined }>,
    given: Given,
    timeOf: (node: Node) => string,
  ): Promise<All<Node>> => {
    const nodes: Node[] = [];
    let after: string | null = null;
    for (;;) {
      signal.throwIfAborted();
      const page: Page<Node> = await ask(document, { ...given, after });
      const { totalCount, pageInfo, nodes: some } = page.found;
      nodes.push(...some);
      read += some.length;
      progress(read);
      after = pageInfo.endCursor;
      if (!pageInfo.hasNextPage || after === null || nodes.length >= MOST) {
        const last = nodes.at(-1);
        const since = pageInfo.hasNextPage && last !== undefined ? Date.parse(timeOf(last)) : null;
        return { nodes, leftOut: since === null ? 0 : totalCount - nodes.length, since };
      }
    }
  };
  const { ccInstance } = await ask(ReplayInstancesDocument, { id });
  if (ccInstance === null) return null;
  const { descendants, ...top } = ccInstance;
  const actors = [top, ...descendants.nodes];
  const given = { instances: actors.map((actor) => actor.id) };
  const [prompts, calls, instructions, permissions, usage, logs, tasks] = await Promise.all([
    everything(ReplayPromptsDocument, given, (node) => node.createdAt),
    everything(ReplayCallsDocument, given, (node) => node.startedAt),
    everything(ReplayInstructionsDocument, given, (node) => node.sentAt),
    everything(ReplayPermissionsDocument, given, (node) => node.askedAt),
    everything(ReplayUsageDocument, given, (node) => node.requestedAt),
    everything(ReplayLogsDocument, given, (node) => node.createdAt),
    everything(ReplayTasksDocument, given, (node) => node.createdAt),
  ]);
  const sessions = [...new Set(usage.nodes.flatMap(({ sessionId }) => sessionId ?? []))];
  const files =
    sessions.length === 0
      ? { nodes: [], leftOut: 0, since: null }
      : await everything(ReplayFilesDocument, { sessions }, (node) => node.createdAt);
  const recording = arranged(actors, {
    prompts: prompts.nodes,
    calls: calls.nodes,
    instructions: instructions.nodes,
    permissions: permissions.nodes,
    usage: usage.nodes,
    logs: logs.nodes,
    tasks: tasks.nodes,
    files: files.nodes,
  });
  const lists = [prompts, calls, instructions, permissions, usage, logs, tasks, files];
  return {
    ...recording,
    since: lists.reduce<number | null>(
      (latest, { since }) => (since === null ? latest : Math.max(since, latest ?? since)),
      null,
    ),
    leftOut: lists.reduce((sum, list) => sum + list.leftOut, 0),
    actorsLeftOut: descendants.totalCount - descendants.nodes.length,
  };
}

export type Sources = {
  prompts: readonly Found<ReplayPromptsQuery>[];
  calls: readonly Found<ReplayCallsQuery>[];
  instructions: readonly Found<ReplayInstructionsQuery>[];
  permissions: readonly Found<ReplayPermissionsQuery>[];
  usage: readonly Found<ReplayUsageQuery>[];
  logs: readonly Found<ReplayLogsQuery>[];
  tasks: readonly ReplayTask[];
  files: readonly Found<ReplayFilesQuery>[];
};

/** The rows in the order of time. What never ended has ended with its instance. */
export function arranged(
  instances: readonly ReplayInstanceFragment[],
  rows: Sources,
): Omit<Recording, 'since' | 'leftOut' | 'actorsLeftOut'> {
  const actors = instances.map(({ id, name, createdAt, terminatedAt }) => ({
    id,
    name,
    from: Date.parse(createdAt),
    to: moment(terminatedAt),
  }));
  const ends = new Map(actors.map(({ id, to }) => [id, to]));
  const closed = (act: Act): Act => ({
    ...act,
    to: act.to ?? later(ends.get(act.instance) ?? null, act.from),
  });
  const work = [
    ...rows.calls.map((call) => act(ofTool(call), call.ccInstanceId)),
    ...rows.permissions.map((request) => act(ofPermission(request), request.ccInstanceId)),
    ...rows.usage.map((request) => act(ofModel(request), request.ccInstanceId)),
  ].map(closed);
  const acts = [
    ...work,
    ...rows.instructions.map((message) => act(ofInstruction(message), message.childInstanceId)).map(closed),
    ...turns(rows.prompts, work),
  ].sort((a, b) => a.from - b.from || a.id.localeCompare(b.id));
  const lines = rows.logs
    .map(({ id, createdAt, logLevel, category, message }) => ({
      id,
      at: Date.parse(createdAt),
      level: logLevel,
      category,
      message,
    }))
    .sort(inTime);
  const files = rows.files
    .map(({ id, createdAt, filePath, operationType, success }) => ({
      id,
      at: Date.parse(createdAt),
      path: filePath,
      operation: operationType,
      success: success !== false,
    }))
    .sort(inTime);
  const steps = rows.tasks.flatMap(stepsOf).sort(inTime);
  const spent = rows.usage.map(spending).sort(inTime);
  const changes = [
    ...acts.flatMap(({ from, to }) => (to === null ? [from] : [from, to])),
    ...[lines, files, steps].flatMap((list) => list.map(({ at }) => at)),
  ];
  const ordered = [...new Set(changes)].sort((a, b) => a - b);
  return { actors, acts, lines, files, steps, spent, changes: ordered };
}

/** What the conversation shows, of an instance and in milliseconds. */
function act({ at, end, ...rest }: Happening, instance: string | null): Act {
  return { ...rest, instance: instance ?? '', from: Date.parse(at), to: moment(end) };
}

/** What people said, each as long as the turn that it began. */
function turns(prompts: Sources['prompts'], work: readonly Act[]): Act[] {
  const works = Map.groupBy(work, ({ instance }) => instance);
  return [...Map.groupBy(prompts, ({ ccInstanceId }) => ccInstanceId ?? '')].flatMap(([instance, said]) => {
    const ends = turnEnds(
      said.map(({ createdAt }) => Date.parse(createdAt)),
      works.get(instance) ?? [],
    );
    return said.map((prompt) =>
      act(ofPrompt(prompt, ends.get(Date.parse(prompt.createdAt)) ?? null), instance),
    );
  });
}

// The end of a request is when its tokens are known.
function spending(request: Found<ReplayUsageQuery>): Spending {
  const { inputTokens, outputTokens, cacheReadTokens, cacheCreationTokens } = request;
  return {
    at: Date.parse(request.requestedAt) + (request.durationMs ?? 0),
    cost: Number(request.costMicroUsd ?? 0),
    tokens: inputTokens + outputTokens + cacheReadTokens + cacheCreationTokens,
  };
}

/** The steps of a task that its row still knows; what it is now counts from its last change. */
function stepsOf(task: ReplayTask): TaskStep[] {
  const step = (status: ReplayTask['status'], at: string | null): TaskStep[] =>
    at === null ? [] : [{ task: task.id, name: task.name, status, at: Date.parse(at) }];
  const steps = [
    ...step('PENDING', task.createdAt),
    ...step('QUEUED', task.queuedAt),
    ...step('RUNNING', task.startedAt),
  ].sort(inTime);
  if (steps.at(-1)?.status === task.status) return steps;
  return [...steps, ...step(task.status, task.completedAt ?? task.updatedAt)];
}

function moment(at: string | null): number | null {
  return at === null ? null : Date.parse(at);
}

function later(end: number | null, from: number): number | null {
  return end === null ? null : Math.max(end, from);
}

function inTime(a: { at: number }, b: { at: number }): number {
  return a.at - b.at;
}
