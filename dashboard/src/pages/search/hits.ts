// What was found, of every kind in one shape, page by page.
import { ask } from '@/data/client';
import { partOf } from '@/data/wordsSought';
import { summaryOf } from '@/ui/toolInput';
import type { Kind } from './page';
import {
  SearchCallsDocument,
  SearchInstructionsDocument,
  SearchLogsDocument,
  SearchMessagesDocument,
  type SearchPlaceFragment,
  SearchTasksDocument,
} from './search.generated';

export type Hit = {
  id: string;
  at: string;
  /** A word for where it stands: a level, a status, a type. */
  mark: string;
  title: string;
  text: string;
  failed: boolean;
  instance: { id: string; name: string } | null;
};
export type HitPage = { hits: readonly Hit[]; next: string | null };

const LONGEST = 600; // characters of a text that are shown

/** The page behind `after`, the newest first. Throws `RequestFailed`. */
export async function pageOf(kind: Kind, q: string, after: string | null): Promise<HitPage> {
  const variables = { q, part: partOf(q), after };
  switch (kind) {
    case 'logs': {
      const { found } = await ask(SearchLogsDocument, variables);
      return page(found, (log) => ({
        id: log.id,
        at: log.createdAt,
        mark: log.logLevel,
        title: log.category,
        text: log.message,
        failed: log.logLevel === 'ERROR' || log.logLevel === 'FATAL',
        instance: log.ccInstance,
      }));
    }
    case 'tasks': {
      const { found } = await ask(SearchTasksDocument, variables);
      return page(found, (task) => ({
        id: task.id,
        at: task.createdAt,
        mark: task.status,
        title: [task.name, task.project?.name].filter(Boolean).join(' · '),
        text: task.description ?? '',
        failed: task.status === 'FAILED',
        instance: task.assignedTo,
      }));
    }
    case 'instructions': {
      const { found } = await ask(SearchInstructionsDocument, variables);
      return page(found, (message) => ({
        id: message.id,
        at: message.sentAt,
        mark: message.status,
        title: '',
        text: [message.instructionContent, message.responseContent].filter(Boolean).join(' → '),
        failed: message.status === 'FAILED',
        instance: message.childInstance,
      }));
    }
    case 'messages': {
      const { found } = await ask(SearchMessagesDocument, variables);
      return page(found, (message) => ({
        id: message.id,
        at: message.createdAt,
        mark: message.messageType,
        title: message.method ?? '',
        text: JSON.stringify(message.error ?? message.params ?? message.result ?? ''),
        failed: message.error !== null,
        instance: message.ccInstance,
      }));
    }
    case 'calls': {
      const { found } = await ask(SearchCallsDocument, variables);
      return page(found, (call) => ({
        id: call.id,
        at: call.startedAt,
        mark: call.status,
        title: call.toolName,
        text: summaryOf(call.arguments),
        failed: call.status === 'FAILED',
        instance: call.ccInstance,
      }));
    }
  }
}

function page<Node>(
  found: { pageInfo: SearchPlaceFragment; nodes: readonly Node[] },
  hitOf: (node: Node) => Hit,
): HitPage {
  const { hasNextPage, endCursor } = found.pageInfo;
  const hits = found.nodes.map(hitOf).map((hit) => ({ ...hit, text: hit.text.slice(0, LONGEST) }));
  return { hits, next: hasNextPage ? (endCursor ?? null) : null };
}
