// One project: its settings, who works on it, and its rest.
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { useShortcuts } from '@/app/shortcuts';
import { useTitle } from '@/app/title';
import { change } from '@/data/client';
import { useDoing } from '@/data/doing';
import { useLive } from '@/data/follow';
import { useUser } from '@/data/session';
import { useTexts } from '@/i18n/language';
import { named } from '@/ui/named';
import page from '@/ui/page.module.css';
import { Failed, Loading, NOT_FOUND } from '@/ui/states';
import { TEXTS } from './messages';
import { People } from './People';
import { ProjectSettings } from './ProjectSettings';
import { decides, partOf } from './people';
import {
  ArchiveProjectDocument,
  ProjectPeopleDocument,
  type ProjectPeopleSubscription,
  RestoreProjectDocument,
} from './projects.generated';

export type Project = NonNullable<ProjectPeopleSubscription['live']['project']>;

export function ProjectPage() {
  const t = useTexts(TEXTS);
  const user = useUser();
  const navigate = useNavigate();
  const { project: id } = useParams({ from: '/projects/$project' });
  const { data, trouble } = useLive(ProjectPeopleDocument, { project: id });
  useShortcuts([{ keys: 'u', label: t.back, run: () => void navigate({ to: '/projects' }) }]);
  useTitle(data?.project?.name);
  if (trouble) return <Failed page trouble={trouble} />;
  if (data === undefined) return <Loading />;
  const { project } = data;
  if (project === null) return <Failed page trouble={NOT_FOUND} />;
  const deciding = decides(user, project);
  return (
    <div className={page.page} key={id}>
      <div className={page.head}>
        <h1>{named(project.name, id)}</h1>
        <span className="quiet">
          {t.status[project.status]} · {t.owner}: {project.owner.username} · {t.you}:{' '}
          {t.parts[partOf(user, project)]}
        </span>
        <Link to="/board" search={{ project: id }}>
          {t.board}
        </Link>
      </div>
      <People project={project} deciding={deciding} />
      <ProjectSettings id={id} status={project.status} deciding={deciding} />
      {deciding && <Rest project={project} />}
    </div>
  );
}

/** Archive and restore; what makes much unusable is asked about once more. */
function Rest({ project }: { project: Project }) {
  const t = useTexts(TEXTS);
  const doing = useDoing();
  const [asked, setAsked] = useState(false);
  const no = useRef<HTMLButtonElement>(null);
  const ask = useRef<HTMLButtonElement>(null);
  const wasAsked = useRef(false);
  useEffect(() => {
    if (asked) no.current?.focus();
    else if (wasAsked.current) ask.current?.focus();
    wasAsked.current = asked;
  }, [asked]);
  const leave = (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    setAsked(false);
  };
  const input = { id: project.id };
  const archive = async () => {
    await doing.run(() => change(ArchiveProjectDocument, { input }));
    setAsked(false);
  };
  return (
    <section aria-labelledby="archive-title">
      <h2 id="archive-title">{t.archive}</h2>
      <p className="quiet">{project.status === 'ARCHIVED' ? t.archivedHint : t.archiveHint}</p>
      {project.status === 'ARCHIVED' ? (
        <p>
          <button
            type="button"
            disabled={doing.busy}
            onClick={() => void doing.run(() => change(RestoreProjectDocument, { input }))}
          >
            {t.restore}
          </button>
        </p>
      ) : asked ? (
        <p className={page.notice} role="alertdialog" aria-label={t.sure(project.name)} onKeyDown={leave}>
          <strong>{t.sure(project.name)}</strong>
          <button type="button" disabled={doing.busy} onClick={() => void archive()}>
            {t.yes}
          </button>
          <button ref={no} type="button" disabled={doing.busy} onClick={() => setAsked(false)}>
            {t.no}
          </button>
        </p>
      ) : (
        <p>
          <button ref={ask} type="button" onClick={() => setAsked(true)}>
            {t.archiveNow}
          </button>
        </p>
      )}
      {doing.trouble && <Failed trouble={doing.trouble} />}
    </section>
  );
}
