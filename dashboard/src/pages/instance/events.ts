// What an instance did and was told, from all sources, in the order of time.
import { summaryOf } from '@/ui/toolInput';
import type { ConversationSubscription } from './instance.generated';

type Source = NonNullable<ConversationSubscription['live']['ccInstance']>;
type Prompt = Source['prompts']['nodes'][number];
type Called = Source['mcpToolCalls']['nodes'][number];
/** A call with or without what came of it. */
type Call = Omit<Called, 'executionTimeMs' | 'result' | 'errorDetails'> &
  Partial<Pick<Called, 'result' | 'errorDetails'>>;
type Instruction = Source['receivedUltrathinkMessages']['nodes'][number];
type Permission = Source['permissionRequests']['nodes'][number];
type Request = Pick<Source['usage']['nodes'][number], 'id' | 'model' | 'requestedAt' | 'durationMs'>;

/** A prompt is what a person said, and lasts as long as the turn that it began. */
export type Kind = 'prompt' | 'instruction' | 'model' | 'tool' | 'permission';

type PartName = 'prompt' | 'arguments' | 'result' | 'error' | 'instruction' | 'response' | 'message';
export type Unfolded = readonly [name: PartName, value: unknown];

export type Happening = {
  id: string;
  kind: Kind;
  at: string;
  /** When it ended; null while it goes on. */
  end: string | null;
  title: string;
  summary: string;
  failed: boolean;
  /** What unfolds: a name and a text or JSON value. */
  parts: readonly Unfolded[];
};

/** Everything, the oldest first. */
export function happenings(source: Source): Happening[] {
  const acts = [
    ...source.mcpToolCalls.nodes.map(ofTool),
    ...source.permissionRequests.nodes.map(ofPermission),
    ...source.usage.nodes.map(ofModel),
  ];
  const ends = turnEnds(
    source.prompts.nodes.map(({ createdAt }) => Date.parse(createdAt)),
    acts.map(({ at, end }) => ({ from: Date.parse(at), to: end === null ? null : Date.parse(end) })),
  );
  return [
    ...acts,
    ...source.receivedUltrathinkMessages.nodes.map(ofInstruction),
    ...source.prompts.nodes.map((prompt) => ofPrompt(prompt, ends.get(Date.parse(prompt.createdAt)) ?? null)),
  ].sort((a, b) => a.at.localeCompare(b.at) || a.id.localeCompare(b.id));
}

/**
 * When the turns that began at these moments ended: with the last that was done before the next one began. Null
 * where it is still being done. Milliseconds.
 */
export function turnEnds(
  begins: readonly number[],
  acts: readonly { from: number; to: number | null }[],
): Map<number, number | null> {
  const ordered = [...new Set(begins)].sort((a, b) => a - b);
  const ends = new Map<number, number | null>(ordered.map((begin) => [begin, begin]));
  for (const { from, to } of acts) {
    const begin = ordered[countUntil(ordered, from, (time) => time) - 1];
    if (begin === undefined) continue;
    const end = ends.get(begin) ?? null;
    ends.set(begin, end === null || to === null ? null : Math.max(end, to));
  }
  return ends;
}

/** How many of an ordered list are at or before a moment. */
export function countUntil<Item>(items: readonly Item[], at: number, timeOf: (item: Item) => number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && timeOf(item) <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many there are that the pages read so far do not have. */
export function leftOut(source: Source): number {
  const lists = [
    source.prompts,
    source.mcpToolCalls,
    source.receivedUltrathinkMessages,
    source.permissionRequests,
    source.usage,
  ];
  return lists.reduce((sum, { totalCount, nodes }) => sum + totalCount - nodes.length, 0);
}

export function ofPrompt(prompt: Prompt, end: number | null): Happening {
  return {
    id: prompt.id,
    kind: 'prompt',
    at: prompt.createdAt,
    end: end === null ? null : new Date(end).toISOString(),
    title: '',
    summary: summaryOf(prompt.message),
    failed: false,
    parts: [['prompt', prompt.message]],
  };
}

export function ofTool(call: Call): Happening {
  return {
    id: call.id,
    kind: 'tool',
    at: call.startedAt,
    end: call.completedAt,
    title: call.toolName,
    summary: summaryOf(call.arguments),
    failed: call.status === 'FAILED',
    parts: told([
      ['arguments', call.arguments],
      ['result', call.result],
      ['error', call.errorDetails],
    ]),
  };
}

export function ofInstruction(message: Instruction): Happening {
  return {
    id: message.id,
    kind: 'instruction',
    at: message.sentAt,
    end: message.completedAt,
    title: message.instructionType,
    summary: summaryOf(message.instructionContent),
    failed: message.status === 'FAILED',
    parts: told([
      ['instruction', message.instructionContent],
      ['response', message.responseContent],
    ]),
  };
}

export function ofPermission(request: Permission): Happening {
  return {
    id: request.id,
    kind: 'permission',
    at: request.askedAt,
    end: request.answeredAt,
    title: request.toolName,
    summary: summaryOf(request.toolInput),
    failed: request.decision === 'DENY',
    parts: told([
      ['arguments', request.toolInput],
      ['message', request.message],
    ]),
  };
}

export function ofModel(request: Request): Happening {
  const start = Date.parse(request.requestedAt);
  return {
    id: request.id,
    kind: 'model',
    at: request.requestedAt,
    end: new Date(start + (request.durationMs ?? 0)).toISOString(),
    title: request.model ?? '',
    summary: '',
    failed: false,
    parts: [],
  };
}

/** Those that have a value. */
function told(parts: readonly Unfolded[]): Unfolded[] {
  return parts.filter(([, value]) => value !== null && value !== undefined);
}

/** `row` is where it stands: what overlaps stands below each other, as far as there are rows. */
export type Bar = { id: string; from: number; to: number; label: string; failed: boolean; row: number };
/** `total` is the time in which there was at least one, in milliseconds. */
export type Lane = { kind: Kind; bars: readonly Bar[]; rows: number; total: number };
export type Timeline = { from: number; to: number; lanes: readonly Lane[] };

const MOST_ROWS = 8;
const LANES: readonly Kind[] = ['prompt', 'instruction', 'model', 'tool', 'permission'];

/**
 * The bars of each lane in milliseconds; what still goes on ends `now`. With a `span` only what was within so
 * many milliseconds before the last beginning, and a tenth of it behind, as far as it was.
 */
export function timeline(every: readonly Happening[], now: number, span: number | null = null): Timeline {
  const begun = every.map(({ at }) => Date.parse(at));
  const last = Math.max(...begun);
  const from = span === null ? Math.min(...begun) : last - span;
  const latest = span === null ? now : Math.min(now, last + span / 10);
  const endOf = ({ end }: Happening) => Math.min(latest, end === null ? now : Date.parse(end));
  const all = every.filter((one) => endOf(one) >= from);
  const ends = all.map(endOf);
  const to = Math.max(from + 1, ...ends);
  const lanes = LANES.map((kind) => {
    const bars = all.flatMap((one, index) =>
      one.kind === kind
        ? [
            {
              id: one.id,
              from: Math.max(from, Date.parse(one.at)),
              to: ends[index] ?? now,
              label: `${one.title} ${one.summary}`.trim(),
              failed: one.failed,
            },
          ]
        : [],
    );
    return { kind, ...stacked(bars) };
  });
  return { from, to, lanes: lanes.filter(({ bars }) => bars.length > 0) };
}

/** The bars in rows, and the time that they cover. They come in the order of their beginnings. */
function stacked(bars: readonly Omit<Bar, 'row'>[]): Omit<Lane, 'kind'> {
  const free: number[] = []; // until when each row is taken
  let total = 0;
  let covered = Number.NEGATIVE_INFINITY;
  const placed = bars.map((bar) => {
    total += Math.max(0, bar.to - Math.max(bar.from, covered));
    covered = Math.max(covered, bar.to);
    const fit = free.findIndex((until) => until <= bar.from);
    const row = fit >= 0 ? fit : Math.min(free.length, MOST_ROWS - 1);
    free[row] = Math.max(bar.to, free[row] ?? bar.to);
    return { ...bar, row };
  });
  return { bars: placed, rows: Math.max(1, free.length), total };
}
