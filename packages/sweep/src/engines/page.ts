/** What a module worker of a browser runs, unless the page makes its workers itself. */
import { serve } from "./workers.js";

serve();
