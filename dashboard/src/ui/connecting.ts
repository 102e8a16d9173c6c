// How a Claude Code is made to tell of itself, for those who see nothing yet.
import { useUser } from '@/data/session';

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** The command for a machine with Claude Code; the server's own machine needs no more than its name. */
export function useConnectCommand(): string {
  const { username } = useUser();
  return LOOPBACK.test(location.hostname)
    ? 'ccgraph connect'
    : `ccgraph connect --url ${location.origin} --username ${username}`;
}
