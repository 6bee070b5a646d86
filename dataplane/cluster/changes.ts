/**
 * Counts what happens to the endpoints of one service that decides whether requests may go there. A cluster compares the
 * count before each pick and looks at its endpoints again only when it has moved.
 */
export class Changes {
  count = 0;
}
