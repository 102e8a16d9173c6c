// What one sets for oneself: looks, tokens, notifications; and how the server is, for administrators.
import { NotifyChoice } from '@/app/Attention';
import { Tastes } from '@/app/Tastes';
import { useUser } from '@/data/session';
import { useTexts } from '@/i18n/language';
import page from '@/ui/page.module.css';
import { Health } from './Health';
import { TEXTS } from './messages';
import { Notifications } from './Notifications';
import { SystemSettings } from './SystemSettings';
import { Tokens } from './Tokens';

export function SettingsPage() {
  const t = useTexts(TEXTS);
  const user = useUser();
  return (
    <div className={page.page}>
      <h1>{t.title}</h1>
      <section aria-labelledby="look-title">
        <h2 id="look-title">{t.look}</h2>
        <Tastes />
        <NotifyChoice />
      </section>
      <Tokens user={user.id} />
      <Notifications user={user.id} />
      {user.isAdmin && <SystemSettings />}
      {user.isAdmin && <Health />}
    </div>
  );
}
