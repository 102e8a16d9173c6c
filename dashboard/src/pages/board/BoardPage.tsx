// How far is the work? Tasks in columns by status: who holds them, until when, and what they wait for.
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo, useRef, useState } from 'react';
import { useShortcuts } from '@/app/shortcuts';
import { useLive } from '@/data/follow';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { useConnectCommand } from '@/ui/connecting';
import { Empty, Failed, Loading, NOT_FOUND } from '@/ui/states';
import { VirtualList } from '@/ui/VirtualList';
import styles from './BoardPage.module.css';
import {
  BoardDocument,
  BoardProjectDocument,
  type BoardProjectSubscription,
  BoardProjectsDocument,
} from './board.generated';
import { Card } from './Card';
import { useChanges } from './changes';
import { type Column, columnsOf, dropped, HIGHEST, neighbour, type Patch, type Task } from './columns';
import { TEXTS } from './messages';

export function BoardPage() {
  const t = useTexts(TEXTS);
  const { project, task: chosen } = useSearch({ from: '/board' });
  const navigate = useNavigate({ from: '/board' });
  const { data, trouble } = useLive(BoardDocument, project ? { project: { eq: project } } : {});
  const { data: of } = useLive(BoardProjectDocument, project ? { project } : null);
  const command = useConnectCommand();
  const changing = useChanges();
  const frame = useRef<HTMLDivElement>(null);
  const [current, setCurrent] = useState<string | null>(chosen ?? null);
  const [dragged, drag] = useState<Task | null>(null);
  const columns = useMemo(() => (data ? columnsOf(data, changing.pending) : []), [data, changing.pending]);

  const column = columns.findIndex(({ tasks }) => tasks.some(({ id }) => id === current));
  const row = columns[column]?.tasks.findIndex(({ id }) => id === current) ?? -1;
  const task = columns[column]?.tasks[row];
  const go = (tasks: readonly Task[] | undefined, index: number) => {
    const next = tasks?.[Math.max(0, Math.min(tasks.length - 1, index))];
    if (next) setCurrent(next.id);
  };
  const aside = (by: 1 | -1) => {
    const order = by === 1 ? columns.slice(column + 1) : columns.slice(0, Math.max(0, column)).toReversed();
    go(order.find(({ tasks }) => tasks.length > 0)?.tasks, Math.max(0, row));
  };
  const down = (by: 1 | -1) =>
    column < 0
      ? go(columns.find(({ tasks }) => tasks.length > 0)?.tasks, 0)
      : go(columns[column]?.tasks, row + by);
  const change = (patch: Patch | undefined) => task && patch && changing.change(task, patch);
  const move = (by: 1 | -1) => {
    const status = task && neighbour(task.status, by);
    if (status) change({ status });
  };
  const prioritize = (by: 1 | -1) => {
    const priority = task ? task.priority + by : 0;
    if (priority >= 1 && priority <= HIGHEST) change({ priority });
  };
  useShortcuts([
    { keys: 'j', label: t.nextTask, run: () => down(1) },
    { keys: 'k', label: t.previousTask, run: () => down(-1) },
    { keys: 'h', label: t.left, run: () => aside(-1) },
    { keys: 'l', label: t.right, run: () => aside(1) },
    { keys: '<', label: t.moveLeft, run: () => move(-1) },
    { keys: '>', label: t.moveRight, run: () => move(1) },
    { keys: '+', label: t.raise, run: () => prioritize(1) },
    { keys: '-', label: t.lower, run: () => prioritize(-1) },
    {
      keys: 's',
      label: t.menu,
      run: () => frame.current?.querySelector<HTMLElement>('[data-current="true"] select')?.focus(),
    },
    {
      keys: 'o',
      label: t.open,
      run: () =>
        task?.assignedTo && void navigate({ to: '/instances/$id', params: { id: task.assignedTo.id } }),
    },
  ]);

  if (trouble) return <Failed page trouble={trouble} />;
  if (of?.project === null) return <Failed page trouble={NOT_FOUND} />;
  if (data === undefined || (project && of === undefined)) return <Loading />;
  const archived = of?.project?.status === 'ARCHIVED';
  return (
    <div className={styles.page} ref={frame}>
      <div className={styles.head}>
        <h1>{t.title}</h1>
        <ProjectChoice
          chosen={of?.project ?? undefined}
          choose={(id) => void navigate({ search: id ? { project: id } : {}, replace: true })}
        />
        {project && (
          <Link to="/board/$project/graph" params={{ project }}>
            {t.graph}
          </Link>
        )}
        <span className={`${styles.hint} quiet`}>{t.drag}</span>
      </div>
      <div>
        {archived && project && (
          <p className={styles.conflict}>
            {t.archived}{' '}
            <Link to="/projects/$project" params={{ project }}>
              {t.toProject}
            </Link>
          </p>
        )}
        {changing.trouble?.kind === 'conflict' && <p className={styles.conflict}>{t.conflict}</p>}
        {changing.trouble && <Failed trouble={changing.trouble} close={changing.forget} />}
      </div>
      {columns.every(({ totalCount }) => totalCount === 0) ? (
        <Empty title={t.none}>
          <p className="quiet">{t.noneHint(command)}</p>
        </Empty>
      ) : (
        <div className={styles.columns}>
          {columns.map((shown, index) => (
            <ColumnView
              key={shown.status}
              column={shown}
              current={index === column ? row : -1}
              oneProject={project !== undefined}
              choose={setCurrent}
              change={changing.change}
              dragged={dragged}
              drag={drag}
            />
          ))}
        </div>
      )}
    </div>
  );
}

type ColumnProps = {
  column: Column;
  current: number;
  oneProject: boolean;
  choose: (id: string) => void;
  change: (task: Task, patch: Patch) => void;
  /** The task that is being dragged over the board; keys and menus do the same. */
  dragged: Task | null;
  drag: (task: Task | null) => void;
};

function ColumnView({ column, current, oneProject, choose, change, dragged, drag }: ColumnProps) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const { status, tasks, totalCount } = column;
  const title = t.column(t.status[status], formats.whole(totalCount));
  const left = totalCount > tasks.length;
  const told = status === 'FAILED' || status === 'COMPLETED' ? t.newest : t.shown;
  const taken = dragged ? dropped(dragged, status) : undefined;
  const drop = (patch: Patch | undefined) => {
    if (dragged && patch) change(dragged, patch);
    drag(null);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys and menus do what dragging does
    <div
      className={styles.column}
      data-status={status}
      data-takes={dragged && dragged.status !== status ? taken !== undefined : undefined}
      onDragOver={(event) => taken && event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        drop(taken);
      }}
    >
      <h2>{title}</h2>
      <p className="quiet">{left && told(formats.whole(tasks.length))}</p>
      {tasks.length === 0 ? (
        <p className={`${styles.none} quiet`}>{t.empty}</p>
      ) : (
        <VirtualList items={tasks} keyOf={({ id }) => id} label={title} height={84} current={current}>
          {(task, index) => (
            <Card
              task={task}
              current={index === current}
              withProject={!oneProject}
              choose={choose}
              change={change}
              drag={drag}
              patch={dragged ? dropped(dragged, status, task) : undefined}
              drop={drop}
            />
          )}
        </VirtualList>
      )}
    </div>
  );
}

type Chosen = NonNullable<BoardProjectSubscription['live']['project']>;

function ProjectChoice({ chosen, choose }: { chosen: Chosen | undefined; choose: (id: string) => void }) {
  const t = useTexts(TEXTS);
  const { data } = useLive(BoardProjectsDocument, {});
  const listed: readonly Pick<Chosen, 'projectId' | 'name'>[] = data?.projects.nodes ?? [];
  const known = chosen === undefined || listed.some(({ projectId }) => projectId === chosen.projectId);
  return (
    <label>
      {t.project}{' '}
      <select value={chosen?.projectId ?? ''} onChange={(event) => choose(event.target.value)}>
        <option value="">{t.all}</option>
        {(known ? listed : [chosen, ...listed]).map(({ projectId, name }) => (
          <option key={projectId} value={projectId}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
