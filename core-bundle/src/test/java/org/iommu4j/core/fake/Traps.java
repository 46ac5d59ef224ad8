package org.iommu4j.core.fake;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Actions of a faulty backend: each runs when a method of that name is called. The trial before it may serve passes,
 * unless a test wants it to fail.
 */
public final class Traps {
    private final Map<String, Runnable> actions = new ConcurrentHashMap<>();
    private final Map<String, Runnable> trialActions = new ConcurrentHashMap<>();

    /** From now on the method does this first. */
    public Traps on(String method, Runnable action) {
        actions.put(method, action);
        return this;
    }

    /** From now on the method does this first in trials. */
    public Traps onTrial(String method, Runnable action) {
        trialActions.put(method, action);
        return this;
    }

    /** The method is sound again. */
    public void off(String method) {
        actions.remove(method);
        trialActions.remove(method);
    }

    /** True in the thread of a trial. */
    static boolean isTrial() {
        return Thread.currentThread().getName().equals("iommu4j-trial");
    }

    /** Called by every method of a backend. */
    void pass(String method) {
        Runnable action = (isTrial() ? trialActions : actions).get(method);
        if (action != null) {
            action.run();
        }
    }
}
