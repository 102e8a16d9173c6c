// The live end of the log, filtered; it says what it leaves out.
import { useState } from 'react';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Empty, Failed, Loading } from '@/ui/states';
import { Moment } from '@/ui/time';
import { VirtualList } from '@/ui/VirtualList';
import type { CcLogCategory, LogLevel } from './instance.generated';
import { type Filter, useLogTail } from './logTail';
import { TEXTS } from './messages';
import styles from './views.module.css';

const LEVELS: readonly LogLevel[] = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const CATEGORIES: readonly CcLogCategory[] = ['SYSTEM', 'TASK', 'MCP', 'ULTRATHINK', 'GIT'];

export function Logs({ id }: { id: string }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const [least, setLeast] = useState<LogLevel>('DEBUG');
  const [category, setCategory] = useState<CcLogCategory | ''>('');
  const [contains, setContains] = useState('');
  const [following, setFollowing] = useState(true);
  const filter: Filter = {
    levels: LEVELS.slice(LEVELS.indexOf(least)),
    categories: category === '' ? CATEGORIES : [category],
    contains,
  };
  const { lines, leftOut, missed, trouble } = useLogTail(id, filter);
  return (
    <div className={styles.view}>
      <div className={styles.bar}>
        <label>
          {t.level}
          <select value={least} onChange={(event) => setLeast(event.target.value as LogLevel)}>
            {LEVELS.map((level) => (
              <option key={level}>{level}</option>
            ))}
          </select>
        </label>
        <label>
          {t.category}
          <select
            value={category}
            onChange={(event) => setCategory(event.target.value as CcLogCategory | '')}
          >
            <option value="">{t.all}</option>
            {CATEGORIES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          {t.contains}
          <input type="search" value={contains} onChange={(event) => setContains(event.target.value)} />
        </label>
        <label>
          <input
            type="checkbox"
            checked={following}
            onChange={(event) => setFollowing(event.target.checked)}
          />
          {t.follow}
        </label>
        <span className="quiet" role="status">
          {leftOut > 0 && t.leftOut(formats.whole(leftOut))} {missed && t.gap}
        </span>
      </div>
      {trouble ? (
        <Failed trouble={trouble} />
      ) : lines === undefined ? (
        <Loading />
      ) : lines.length === 0 ? (
        <Empty title={t.noLogs} />
      ) : (
        <VirtualList
          items={lines}
          keyOf={(line) => line.key}
          label={t.tabs.logs}
          height={22}
          followEnd={following}
        >
          {(line) => (
            <p className={styles.line} data-level={line.level}>
              <Moment at={line.at} only="time" />
              <span>{line.level}</span>
              <span>{line.category}</span>
              <span>{line.message}</span>
            </p>
          )}
        </VirtualList>
      )}
    </div>
  );
}
