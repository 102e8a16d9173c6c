// Who works on a project: roles, invitations, leaving, giving it away.
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, type ReactNode, useState } from 'react';
import { ask, change, useAnswer } from '@/data/client';
import { useDoing } from '@/data/doing';
import { useUser } from '@/data/session';
import { useTexts } from '@/i18n/language';
import page from '@/ui/page.module.css';
import { Failed } from '@/ui/states';
import { Since } from '@/ui/time';
import { TEXTS } from './messages';
import type { Project } from './ProjectPage';
import { type Collaborator, collaboratorsOf } from './people';
import {
  AddCollaboratorDocument,
  ChangeRoleDocument,
  type CollaboratorRole,
  PersonByNameDocument,
  ProjectNamesDocument,
  RemoveCollaboratorDocument,
  TransferProjectDocument,
  WithdrawInvitationDocument,
} from './projects.generated';

const ROLES: readonly CollaboratorRole[] = ['VIEWER', 'EDITOR'];

export function People({ project, deciding }: { project: Project; deciding: boolean }) {
  const t = useTexts(TEXTS);
  const doing = useDoing();
  const people = collaboratorsOf(project.collaborators);
  const { data, trouble } = useAnswer(
    ProjectNamesDocument,
    people.length > 0 ? { ids: people.map(({ userId }) => userId) } : null,
  );
  const names = new Map(data?.users.nodes.map(({ id, username }) => [id, username]));
  const wrong = trouble ?? doing.trouble;
  return (
    <section aria-labelledby="people-title">
      <h2 id="people-title">{t.people}</h2>
      <ul className={page.lines}>
        <li>
          <span className={page.what}>{project.owner.username}</span>
          <span className="quiet">{t.parts.OWNER}</span>
        </li>
        {people.map((person) => (
          <Person
            key={person.userId}
            project={project.id}
            person={person}
            name={names.get(person.userId) ?? `#${person.userId}`}
            deciding={deciding}
            doing={doing}
          />
        ))}
        {project.invitations.nodes.map(({ id, user, role, invitedAt }) => (
          <li key={id}>
            <span className={page.what}>{user.username}</span>
            <span className="quiet">
              {t.waiting(t.parts[role])} · <Since at={invitedAt} />
            </span>
            <button
              type="button"
              disabled={doing.busy}
              aria-label={t.withdrawIt(user.username)}
              onClick={() => void doing.run(() => change(WithdrawInvitationDocument, { input: { id } }))}
            >
              {t.withdraw}
            </button>
          </li>
        ))}
      </ul>
      {wrong && <Failed trouble={wrong} />}
      {deciding && (
        <>
          <Invite project={project.id} />
          <details>
            <summary>{t.transfer}</summary>
            <Transfer project={project.id} />
          </details>
        </>
      )}
    </section>
  );
}

type PersonProps = {
  project: number;
  person: Collaborator;
  name: string;
  deciding: boolean;
  doing: ReturnType<typeof useDoing>;
};

function Person({ project, person, name, deciding, doing }: PersonProps) {
  const t = useTexts(TEXTS);
  const user = useUser();
  const navigate = useNavigate();
  const { userId, role } = person;
  const own = userId === user.id;
  const remove = async () => {
    const input = { id: project, userId };
    const done = await doing.run(() => change(RemoveCollaboratorDocument, { input }));
    if (done && own) await navigate({ to: '/projects' });
  };
  return (
    <li>
      <span className={page.what}>{name}</span>
      {deciding ? (
        <select
          aria-label={t.roleOf(name)}
          value={role}
          disabled={doing.busy}
          onChange={(event) => {
            const input = { id: project, userId, role: event.target.value as CollaboratorRole };
            void doing.run(() => change(ChangeRoleDocument, { input }));
          }}
        >
          <Roles />
        </select>
      ) : (
        <span className="quiet">{t.parts[role]}</span>
      )}
      {(deciding || own) && (
        <button
          type="button"
          disabled={doing.busy}
          aria-label={own ? t.leave : t.removeIt(name)}
          onClick={() => void remove()}
        >
          {own ? t.leave : t.remove}
        </button>
      )}
    </li>
  );
}

function Invite({ project }: { project: number }) {
  const t = useTexts(TEXTS);
  const invite: Act = async (userId, name, given) => {
    const role = String(given.get('role')) as CollaboratorRole;
    const { addCollaborator } = await change(AddCollaboratorDocument, {
      input: { id: project, userId, role },
    });
    return addCollaborator.invitation === null ? t.added(name) : t.sent(name);
  };
  return (
    <NamingForm title={t.invite} who={t.username} act={invite} hint={t.inviteHint}>
      <label>
        {t.role}
        <select name="role">
          <Roles />
        </select>
      </label>
    </NamingForm>
  );
}

function Transfer({ project }: { project: number }) {
  const t = useTexts(TEXTS);
  const transfer: Act = async (newOwnerId, name, given) => {
    const keepAs = (String(given.get('keep')) || null) as CollaboratorRole | null;
    const { transferProject } = await change(TransferProjectDocument, {
      input: { id: project, newOwnerId, keepAs },
    });
    return transferProject.invitation === null ? t.given(name) : t.transferred(name);
  };
  return (
    <NamingForm title={t.transfer} who={t.newOwner} act={transfer}>
      <label>
        {t.keepAs}
        <select name="keep" defaultValue="EDITOR">
          <option value="">{t.keepNone}</option>
          <Roles />
        </select>
      </label>
    </NamingForm>
  );
}

function Roles() {
  const t = useTexts(TEXTS);
  return ROLES.map((role) => (
    <option key={role} value={role}>
      {t.roles[role]}
    </option>
  ));
}

type Act = (userId: number, name: string, given: FormData) => Promise<string>;

type NamingFormProps = { title: string; who: string; act: Act; hint?: string; children: ReactNode };

/** A form that names a person: who it is, what is done, and what came of it. */
function NamingForm({ title, who, act, hint, children }: NamingFormProps) {
  const t = useTexts(TEXTS);
  const doing = useDoing();
  const [told, setTold] = useState<string>();
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const username = String(given.get('username')).trim();
    setTold(undefined);
    await doing.run(async () => {
      const { user } = await ask(PersonByNameDocument, { username });
      if (user === null) return setTold(t.unknown(username));
      setTold(await act(user.id, username, given));
      form.reset();
    });
  };
  return (
    <>
      <form className={page.form} aria-label={title} onSubmit={(event) => void submit(event)}>
        <label>
          {who}
          <input name="username" required autoComplete="off" />
        </label>
        {children}
        <button type="submit" disabled={doing.busy}>
          {title}
        </button>
        {hint && <span className="quiet">{hint}</span>}
      </form>
      <p role="status">{told}</p>
      {doing.trouble && <Failed trouble={doing.trouble} />}
    </>
  );
}
