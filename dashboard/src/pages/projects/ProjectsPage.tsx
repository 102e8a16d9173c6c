// Which projects there are: those one works in, those one is invited to, those that rest; and a new one.
import { Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useRef, useState } from 'react';
import { useShortcuts } from '@/app/shortcuts';
import { change } from '@/data/client';
import { useDoing } from '@/data/doing';
import { useLive } from '@/data/follow';
import { KeyOf } from '@/data/keyOf';
import { useUser } from '@/data/session';
import { useFormats } from '@/i18n/format';
import { useTexts } from '@/i18n/language';
import { NAME, named } from '@/ui/named';
import page from '@/ui/page.module.css';
import { Empty, Failed, Loading } from '@/ui/states';
import { Since } from '@/ui/time';
import { Invitations } from './Invitations';
import { fieldsOf, TEXTS } from './messages';
import { decides, partOf } from './people';
import {
  CreateProjectDocument,
  ProjectListDocument,
  type ProjectListSubscription,
  RestoreProjectDocument,
} from './projects.generated';

type Projects = ProjectListSubscription['live']['projects'];
type Archive = ProjectListSubscription['live']['projectsArchive'];

export function ProjectsPage() {
  const t = useTexts(TEXTS);
  const { data, trouble } = useLive(ProjectListDocument, {});
  return (
    <div className={page.page}>
      <h1>{t.title}</h1>
      <Invitations />
      {trouble ? (
        <Failed trouble={trouble} />
      ) : data === undefined ? (
        <Loading />
      ) : (
        <>
          <List projects={data.projects} />
          <Archived projects={data.projects} archive={data.projectsArchive} />
        </>
      )}
      <NewProject />
    </div>
  );
}

function List({ projects }: { projects: Projects }) {
  const t = useTexts(TEXTS);
  const formats = useFormats();
  const user = useUser();
  const [filter, setFilter] = useState('');
  const active = projects.nodes.filter(({ status }) => status !== 'ARCHIVED');
  const shown = active.filter(({ name }) => name.toLowerCase().includes(filter.trim().toLowerCase()));
  if (active.length === 0) {
    return (
      <Empty title={t.none}>
        <p className="quiet">{t.noneHint}</p>
      </Empty>
    );
  }
  return (
    <section aria-label={t.list}>
      <p className={page.head}>
        <input
          type="search"
          aria-label={t.filter}
          placeholder={t.filter}
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
        {projects.totalCount > projects.nodes.length && (
          <span className="quiet">
            {t.shown(formats.whole(projects.nodes.length), formats.whole(projects.totalCount))}
          </span>
        )}
      </p>
      {shown.length === 0 ? (
        <p>{t.noneFits}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
        <section className={page.table} tabIndex={0} aria-label={t.title}>
          <table>
            <thead>
              <tr>
                {[t.name, t.state, t.owner, t.you, t.running, t.open, t.activity].map((head) => (
                  <th key={head} scope="col" data-number={head === t.running || head === t.open}>
                    {head}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map((project) => (
                <tr key={project.id}>
                  <td>
                    <Link to="/projects/$project" params={{ project: project.projectId }}>
                      {named(project.name, project.projectId)}
                    </Link>
                  </td>
                  <td>
                    {t.status[project.status]}
                    {project.isPublic && <span className="quiet"> · {t.public}</span>}
                  </td>
                  <td>{project.owner.username}</td>
                  <td>{t.parts[partOf(user, project)]}</td>
                  <td data-number="true">{formats.whole(project.ccInstances.totalCount)}</td>
                  <td data-number="true">{formats.whole(project.tasks.totalCount)}</td>
                  <td>{project.lastActivity ? <Since at={project.lastActivity} /> : '–'}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}

function Archived({ projects, archive }: { projects: Projects; archive: Archive }) {
  const t = useTexts(TEXTS);
  const user = useUser();
  const doing = useDoing();
  const resting = projects.nodes.filter(({ status }) => status === 'ARCHIVED');
  const all = [
    ...resting.map((project) => ({ ...project, moved: false })),
    ...archive.nodes.map((project) => ({ ...project, moved: true })),
  ];
  if (all.length === 0) return null;
  return (
    <section aria-labelledby="archived-title">
      <h2 id="archived-title">{t.archived}</h2>
      <p className="quiet">{t.archivedHint}</p>
      <ul className={page.lines}>
        {all.map((project) => (
          <li key={project.id}>
            <span className={page.what}>
              {project.name}{' '}
              <span className="quiet">
                {project.owner.username}
                {project.moved && ` · ${t.moved}`}
              </span>
            </span>
            {decides(user, project) && (
              <button
                type="button"
                disabled={doing.busy}
                aria-label={t.restoreIt(project.name)}
                onClick={() =>
                  void doing.run(() => change(RestoreProjectDocument, { input: { id: project.id } }))
                }
              >
                {t.restore}
              </button>
            )}
          </li>
        ))}
      </ul>
      {doing.trouble && <Failed trouble={doing.trouble} />}
    </section>
  );
}

function NewProject() {
  const t = useTexts(TEXTS);
  const navigate = useNavigate();
  const doing = useDoing();
  const keys = useRef(new KeyOf());
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const text = (name: string) => String(given.get(name) ?? '').trim() || null;
    const content = {
      name: text('name') ?? '',
      description: text('description'),
      repositoryUrl: text('repository'),
      localPath: text('path'),
      defaultBranch: text('branch'),
    };
    const input = { ...content, projectId: keys.current.of(content) };
    await doing.run(async () => {
      const { createProject } = await change(CreateProjectDocument, { input });
      await navigate({ to: '/projects/$project', params: { project: createProject.project.projectId } });
    });
  };
  useShortcuts([
    { keys: 'n', label: t.create, run: () => document.getElementById('new-project-name')?.focus() },
  ]);
  return (
    <section aria-labelledby="create-title">
      <h2 id="create-title">{t.create}</h2>
      <form
        className={`${page.form} ${page.fields}`}
        aria-labelledby="create-title"
        onSubmit={(event) => void submit(event)}
      >
        <label>
          {t.name}
          <input
            id="new-project-name"
            name="name"
            required
            pattern={NAME}
            title={t.nameHint}
            maxLength={100}
            autoComplete="off"
          />
        </label>
        <label>
          {t.branch}
          <input name="branch" defaultValue="main" autoComplete="off" />
        </label>
        <label>
          {t.repository}
          <input name="repository" autoComplete="off" placeholder="https://" />
        </label>
        <label>
          {t.path}
          <input name="path" autoComplete="off" placeholder="/" />
        </label>
        <label className={page.wide}>
          {t.description}
          <input name="description" autoComplete="off" />
        </label>
        <p className={`${page.wide} quiet`}>{t.pathHint}</p>
        <div>
          <button type="submit" disabled={doing.busy}>
            {t.create}
          </button>
        </div>
      </form>
      {doing.trouble && <Failed trouble={doing.trouble} fields={fieldsOf(t)} />}
    </section>
  );
}
