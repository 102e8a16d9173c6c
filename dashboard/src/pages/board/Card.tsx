// A task on the board; the one that the keyboard is on shows more, and the menus that change it.
import { Link } from '@tanstack/react-router';
import { useAnswer } from '@/data/client';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { named } from '@/ui/named';
import { useNow } from '@/ui/time';
import styles from './BoardPage.module.css';
import { BoardTaskDocument, type TaskStatus } from './board.generated';
import { HIGHEST, nextOf, type Patch, type Task } from './columns';
import { TEXTS } from './messages';

const PRIORITIES = Array.from({ length: HIGHEST }, (_, index) => HIGHEST - index);

type Props = {
  task: Task;
  current: boolean;
  withProject: boolean;
  choose: (id: string) => void;
  change: (task: Task, patch: Patch) => void;
  drag: (task: Task | null) => void;
  /** What dropping the task that is being dragged on this one would change. */
  patch: Patch | undefined;
  drop: (patch: Patch | undefined) => void;
};

export function Card({ task, current, withProject, choose, change, drag, patch, drop }: Props) {
  const t = useTexts(TEXTS);
  const { blockedBy, blocks, project, assignedTo } = task;
  const waits = task.status === 'PENDING' || task.status === 'QUEUED';
  const more = blockedBy.totalCount - blockedBy.nodes.length;
  return (
    <article
      className={styles.card}
      data-current={current}
      draggable
      onDragStart={(event) => {
        event.dataTransfer.effectAllowed = 'move';
        event.dataTransfer.setData('text/plain', task.name);
        drag(task);
      }}
      onDragEnd={() => drag(null)}
      data-takes={patch?.priority}
      onDragOver={(event) => patch?.priority && event.preventDefault()}
      onDrop={(event) => {
        if (!patch?.priority) return; // the column knows whether it takes it
        event.preventDefault();
        event.stopPropagation();
        drop(patch);
      }}
    >
      <div className={styles.top}>
        <button type="button" className={styles.name} aria-expanded={current} onClick={() => choose(task.id)}>
          {named(task.name, task.id)}
        </button>
        <span className={styles.priority} title={t.priorityOf(task.priority)}>
          <span aria-hidden="true">P{task.priority}</span>
          <span className="only-read-aloud">{t.priorityOf(task.priority)}</span>
        </span>
      </div>
      {withProject && project && <p className="quiet">{project.name}</p>}
      {assignedTo && (
        <p>
          <span className="quiet">{t.by[task.status]}</span>{' '}
          <Link to="/instances/$id" params={{ id: assignedTo.id }}>
            {assignedTo.name}
          </Link>
          {task.leaseExpiresAt && <Lease until={task.leaseExpiresAt} />}
        </p>
      )}
      {waits && blockedBy.totalCount > 0 && (
        <p className={styles.blocked}>
          {t.blockedBy(blockedBy.totalCount)} {blockedBy.nodes.map(({ name }) => name).join(', ')}
          {more > 0 && ` ${t.more(more)}`}
        </p>
      )}
      {task.status !== 'COMPLETED' && blocks.totalCount > 0 && (
        <p className="quiet">{t.blocks(blocks.totalCount)}</p>
      )}
      {current && <Details task={task} change={change} />}
    </article>
  );
}

function Lease({ until }: { until: string }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const left = Date.parse(until) - useNow();
  return (
    <span className="quiet">
      {' '}
      · {left > 0 ? t.lease(formats.duration(left - (left % 1_000))) : t.leaseOver}
    </span>
  );
}

function Details({ task, change }: Pick<Props, 'task' | 'change'>) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const { data } = useAnswer(BoardTaskDocument, { id: task.id });
  const minutes = data?.task?.estimatedDurationMinutes ?? null;
  return (
    <div className={styles.details}>
      {data?.task?.description && <p>{data.task.description}</p>}
      {minutes !== null && <p className="quiet">{t.estimate(formats.duration(minutes * 60_000))}</p>}
      <div className={styles.menus}>
        <label>
          {t.statusMenu}{' '}
          <select
            value={task.status}
            onChange={(event) => change(task, { status: event.target.value as TaskStatus })}
          >
            {[task.status, ...nextOf(task.status)].map((status) => (
              <option key={status} value={status}>
                {t.status[status]}
              </option>
            ))}
          </select>
        </label>
        <label>
          {t.priority}{' '}
          <select
            value={task.priority}
            onChange={(event) => change(task, { priority: Number(event.target.value) })}
          >
            {PRIORITIES.map((priority) => (
              <option key={priority}>{priority}</option>
            ))}
          </select>
        </label>
      </div>
      {task.project && (
        <Link to="/board/$project/graph" params={{ project: task.project.projectId }}>
          {t.graph}
        </Link>
      )}
    </div>
  );
}
