// What a moment of a recording shows: who did what, what had been said, logged, worked on and touched.
import { useMemo } from 'react';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { Moment } from '@/ui/time';
import { VirtualList } from '@/ui/VirtualList';
import { Entry } from '../Conversation';
import type { Happening } from '../events';
import views from '../views.module.css';
import { TEXTS } from './messages';
import { filesAt, states, tasksAt } from './moment';
import styles from './Replay.module.css';
import type { Act, FileTouch, Line, Recording, TaskStep } from './recording';

const ASKED = new Set(['prompt', 'instruction', 'arguments']); // what is known from the beginning
const SHOWN = 50; // tasks and files, those of late

export function Who({ recording, begun, at }: { recording: Recording; begun: number; at: number }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className={styles.who} aria-label={t.did} tabIndex={0}>
      <ul>
        {states(recording, begun, at).map(({ actor, doing, act, since }) => (
          <li key={actor.id} data-doing={doing}>
            <strong>{actor.name}</strong> <span className={styles.doing}>{t.doing[doing]}</span>{' '}
            {act && (
              <span>
                {act.title} {act.summary}
              </span>
            )}{' '}
            <span className="quiet">{t.since(formats.since(at - since))}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Said({ acts, at }: { acts: readonly Act[]; at: number }) {
  const t = useTexts(TEXTS);
  return (
    <div className={styles.pane}>
      <h2>{t.conversation}</h2>
      {acts.length === 0 ? (
        <p className="quiet">{t.nothingYet}</p>
      ) : (
        <VirtualList items={acts} keyOf={({ id }) => id} label={t.conversation} height={30} followEnd>
          {(act) => <Entry item={asOf(act, at)} />}
        </VirtualList>
      )}
    </div>
  );
}

/** An act as one knew it at a moment: what ends later goes on, and has no answer yet. */
function asOf(act: Act, at: number): Happening {
  const ended = act.to !== null && act.to <= at;
  return {
    ...act,
    at: new Date(act.from).toISOString(),
    end: ended && act.to !== null ? new Date(act.to).toISOString() : null,
    failed: ended && act.failed,
    parts: ended ? act.parts : act.parts.filter(([name]) => ASKED.has(name)),
  };
}

export function Log({ lines, count }: { lines: readonly Line[]; count: number }) {
  const t = useTexts(TEXTS);
  const shown = useMemo(() => lines.slice(0, count), [lines, count]);
  return (
    <div className={styles.pane}>
      <h2>{t.log}</h2>
      {shown.length === 0 ? (
        <p className="quiet">{t.nothingYet}</p>
      ) : (
        <VirtualList items={shown} keyOf={({ id }) => id} label={t.log} height={22} followEnd>
          {(line) => (
            <p className={views.line} data-level={line.level}>
              <Moment at={new Date(line.at).toISOString()} only="time" />
              <span>{line.level}</span>
              <span>{line.message}</span>
            </p>
          )}
        </VirtualList>
      )}
    </div>
  );
}

export function Work({ steps, count }: { steps: readonly TaskStep[]; count: number }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const tasks = useMemo(() => tasksAt(steps, count), [steps, count]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className={styles.scrolled} aria-labelledby="replay-tasks" tabIndex={0}>
      <h2 id="replay-tasks">{t.tasks}</h2>
      {tasks.length === 0 && <p className="quiet">{t.nothingYet}</p>}
      <ul>
        {tasks.slice(0, SHOWN).map(({ task, name, status }) => (
          <li key={task} data-status={status}>
            <span className={styles.status}>{t.status[status]}</span> {name}
          </li>
        ))}
      </ul>
      {tasks.length > SHOWN && <p className="quiet">{t.more(formats.whole(tasks.length - SHOWN))}</p>}
    </section>
  );
}

export function Touched({ files, count, at }: { files: readonly FileTouch[]; count: number; at: number }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const touched = useMemo(() => filesAt(files, count), [files, count]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className={styles.scrolled} aria-labelledby="replay-files" tabIndex={0}>
      <h2 id="replay-files">{t.files}</h2>
      {touched.length === 0 && <p className="quiet">{t.nothingYet}</p>}
      <ul>
        {touched.slice(0, SHOWN).map(({ path, last, operations }) => (
          <li key={path}>
            <code>{path}</code>{' '}
            <span className="quiet">
              {operations.map(([operation, times]) => `${operation} ${times}`).join(', ')} ·{' '}
              {formats.since(at - last.at)}
            </span>
          </li>
        ))}
      </ul>
      {touched.length > SHOWN && <p className="quiet">{t.more(formats.whole(touched.length - SHOWN))}</p>}
    </section>
  );
}
