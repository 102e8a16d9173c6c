// What begins before the rest of the first page is there: the login that the browser still has is taken up.
import { session } from '@/data/session';

session.start();
