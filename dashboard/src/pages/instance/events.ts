// What an instance did and was told, from all sources, in the order of time.
import { summaryOf } from '@/ui/toolInput';
import type { ConversationSubscription } from './instance.generated';

type Source = NonNullable<ConversationSubscription['live']['ccInstance']>;

export type Kind = 'instruction' | 'model' | 'tool' | 'permission';

type PartName = 'arguments' | 'result' | 'error' | 'instruction' | 'response' | 'message';
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
  return [
    ...source.mcpToolCalls.nodes.map(ofTool),
    ...source.receivedUltrathinkMessages.nodes.map(ofInstruction),
    ...source.permissionRequests.nodes.map(ofPermission),
    ...source.usage.nodes.map(ofModel),
  ].sort((a, b) => a.at.localeCompare(b.at) || a.id.localeCompare(b.id));
}

/** How many there are that the pages read so far do not have. */
export function leftOut(source: Source): number {
  const lists = [
    source.mcpToolCalls,
    source.receivedUltrathinkMessages,
    source.permissionRequests,
    source.usage,
  ];
  return lists.reduce((sum, { totalCount, nodes }) => sum + totalCount - nodes.length, 0);
}

function ofTool(call: Source['mcpToolCalls']['nodes'][number]): Happening {
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

function ofInstruction(message: Source['receivedUltrathinkMessages']['nodes'][number]): Happening {
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

function ofPermission(request: Source['permissionRequests']['nodes'][number]): Happening {
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

function ofModel(request: Source['usage']['nodes'][number]): Happening {
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
  return parts.filter(([, value]) => value !== null);
}

export type Lane = {
  kind: Kind;
  bars: readonly { id: string; from: number; to: number; label: string; failed: boolean }[];
  total: number;
};
export type Timeline = { from: number; to: number; lanes: readonly Lane[] };

const LANES: readonly Kind[] = ['instruction', 'model', 'tool', 'permission'];

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
    return { kind, bars, total: bars.reduce((sum, bar) => sum + bar.to - bar.from, 0) };
  });
  return { from, to, lanes: lanes.filter(({ bars }) => bars.length > 0) };
}
