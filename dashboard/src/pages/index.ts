// Every page: its route, and where the navigation has it. A page is a folder; this is the only list to add it to.
import * as board from './board/page';
import * as graphiql from './graphiql/page';
import * as home from './home/page';
import * as instance from './instance/page';
import * as links from './links/page';
import * as projects from './projects/page';
import * as search from './search/page';
import * as settings from './settings/page';
import * as usage from './usage/page';

export const pages = [
  home.route,
  instance.route,
  board.route,
  board.graph,
  projects.route,
  projects.one,
  projects.invitation,
  links.task,
  links.session,
  links.notification,
  links.notifications,
  usage.route,
  search.route,
  settings.route,
  graphiql.route,
] as const;
export const navigation = [
  home.entry,
  board.entry,
  projects.entry,
  usage.entry,
  search.entry,
  settings.entry,
  graphiql.entry,
];
