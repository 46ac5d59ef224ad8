package org.iommu4j.testbench.run;

/**
 * One step, checked.
 *
 * @param op its name
 * @param needs what it needs of the machine
 * @param rounds how many steps it is with all its repetitions
 * @param action does it
 */
record Step(String op, Needs needs, long rounds, Action action) {
    /** A step that is done once. */
    Step(String op, Needs needs, Action action) {
        this(op, needs, 1, action);
    }

    /** The same step, done in another unit. */
    Step in(String unit) {
        return new Step(op, needs, rounds, machine -> action.run(machine.units().named(unit)));
    }

    /** Does a step. */
    @FunctionalInterface
    interface Action {
        /**
         * Does it.
         *
         * @throws StepFailure if it cannot be carried out
         */
        Answer run(Machine machine);
    }

    /**
     * Parts of the machine that steps need.
     *
     * @param driver a driver in front of the chip
     * @param stepping a queue that is held back
     * @param interrupts messages that are set up
     * @param observed memory whose reads are seen, for writes between them
     */
    record Needs(boolean driver, boolean stepping, boolean interrupts, boolean observed) {
        static final Needs NOTHING = new Needs(false, false, false, false);
        static final Needs DRIVER = new Needs(true, false, false, false);
        static final Needs STEPPING = new Needs(false, true, false, false);
        static final Needs INTERRUPTS = new Needs(false, false, true, false);
        static final Needs OBSERVED = new Needs(false, false, false, true);

        Needs and(Needs other) {
            return new Needs(
                    driver || other.driver,
                    stepping || other.stepping,
                    interrupts || other.interrupts,
                    observed || other.observed);
        }
    }

    /** A step cannot be carried out. */
    static final class StepFailure extends RuntimeException {
        private static final long serialVersionUID = 1L;

        StepFailure(String message) {
            super(message);
        }

        StepFailure(String message, Throwable cause) {
            super(message, cause);
        }
    }
}
