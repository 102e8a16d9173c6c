// The raw MCP messages, as they were recorded.
import { useState } from 'react';
import { useLive } from '@/data/follow';
import { useTexts } from '@/i18n/language';
import { Empty, Failed, Loading } from '@/ui/states';
import { Moment } from '@/ui/time';
import { VirtualList } from '@/ui/VirtualList';
import { Part } from './Conversation';
import { McpDocument } from './instance.generated';
import { TEXTS } from './messages';
import { Older } from './Older';
import styles from './views.module.css';

export function Mcp({ id }: { id: string }) {
  const t = useTexts(TEXTS);
  const [first, setFirst] = useState(100);
  const { data, trouble } = useLive(McpDocument, { id, first });
  if (trouble) return <Failed trouble={trouble} />;
  if (data === undefined) return <Loading />;
  const { totalCount, nodes } = data.mcpMessages;
  if (totalCount === 0) return <Empty title={t.noMessages} />;
  return (
    <div className={styles.view}>
      <Older count={totalCount - nodes.length} more={first < 500 ? () => setFirst(500) : undefined} />
      <VirtualList
        items={nodes.toReversed()}
        keyOf={(item) => item.id}
        label={t.tabs.mcp}
        height={30}
        followEnd
      >
        {(item) => (
          <details className={styles.entry} data-failed={item.error !== null}>
            <summary>
              <span className="quiet">
                <Moment at={item.createdAt} only="time" />
              </span>{' '}
              <span className={styles.kind}>{item.messageType}</span> {item.serverName}{' '}
              <strong>{item.method}</strong> <span className="quiet">{item.rpcId}</span>
            </summary>
            <Part name="JSON" value={{ params: item.params, result: item.result, error: item.error }} />
          </details>
        )}
      </VirtualList>
    </div>
  );
}
