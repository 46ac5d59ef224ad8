package org.iommu4j.core.fake;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** What a backend does wrong: an action that runs when a method of that name is called. */
public final class Traps {
    private final Map<String, Runnable> actions = new ConcurrentHashMap<>();

    /** From now on the method does this first. */
    public Traps on(String method, Runnable action) {
        actions.put(method, action);
        return this;
    }

    /** The method is sound again. */
    public void off(String method) {
        actions.remove(method);
    }

    /** Called by every method of a backend. */
    void pass(String method) {
        Runnable action = actions.get(method);
        if (action != null) {
            action.run();
        }
    }
}
