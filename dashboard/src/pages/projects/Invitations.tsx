// What one is asked to work on, or to own: accept it or decline it.
import { change } from '@/data/client';
import { useDoing } from '@/data/doing';
import { useLive } from '@/data/follow';
import { useUser } from '@/data/session';
import { useTexts } from '@/i18n/language';
import page from '@/ui/page.module.css';
import { Failed } from '@/ui/states';
import { Since } from '@/ui/time';
import { TEXTS } from './messages';
import {
  AcceptInvitationDocument,
  DeclineInvitationDocument,
  MyInvitationsDocument,
} from './projects.generated';

export function Invitations() {
  const t = useTexts(TEXTS);
  const user = useUser();
  const { data, trouble } = useLive(MyInvitationsDocument, { user: user.id });
  const doing = useDoing();
  const waiting = data?.projectInvitations.nodes ?? [];
  const wrong = trouble ?? doing.trouble;
  if (waiting.length === 0) return wrong ? <Failed trouble={wrong} /> : null;
  return (
    <section aria-labelledby="invitations-title">
      <h2 id="invitations-title">{t.invitations}</h2>
      <ul className={page.lines}>
        {waiting.map(({ id, projectName, role, invitedAt, invitedBy }) => (
          <li key={id}>
            <span className={page.what}>
              <strong>{projectName}</strong> {t.invited(invitedBy.username, t.parts[role])}{' '}
              <span className="quiet">
                <Since at={invitedAt} />
              </span>
            </span>
            <button
              type="button"
              data-kind="primary"
              disabled={doing.busy}
              aria-label={t.acceptIt(projectName)}
              onClick={() => void doing.run(() => change(AcceptInvitationDocument, { input: { id } }))}
            >
              {t.accept}
            </button>
            <button
              type="button"
              disabled={doing.busy}
              aria-label={t.declineIt(projectName)}
              onClick={() => void doing.run(() => change(DeclineInvitationDocument, { input: { id } }))}
            >
              {t.decline}
            </button>
          </li>
        ))}
      </ul>
      {wrong && <Failed trouble={wrong} />}
    </section>
  );
}
