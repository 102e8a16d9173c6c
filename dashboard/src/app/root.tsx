// The root of all pages: it shows the login until a person is logged in, and then the page in the shell.
import { createRootRouteWithContext, Outlet } from '@tanstack/react-router';
import { useSession } from '@/data/session';
import type { Language } from '@/i18n/language';
import { Failed, Loading, NOTHING_TOLD } from '@/ui/states';
import { LoginPage } from './LoginPage';
import { Shell } from './Shell';

/** A page in the navigation. */
export type NavigationEntry = {
  to: string;
  label: Record<Language, string>;
  /** The keys that lead there, such as `g h`. */
  keys: string;
  /** The browser loads it anew: its Content-Security-Policy is another one. */
  reload?: true;
};

export const root = createRootRouteWithContext<{ navigation: readonly NavigationEntry[] }>()({
  component: Root,
});

function Root() {
  const session = useSession();
  const { navigation } = root.useRouteContext();
  switch (session.status) {
    case 'starting':
      return <Loading />;
    case 'unreachable':
      return <Failed page trouble={{ ...NOTHING_TOLD, kind: 'offline' }} />;
    case 'out':
      return <LoginPage ended={session.ended} />;
    case 'in':
      return (
        <Shell navigation={navigation} login={session.login}>
          <Outlet />
        </Shell>
      );
  }
}
