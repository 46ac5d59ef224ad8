package org.iommu4j.simulation.cache;

/** A hash map from a long to an object: open addressing, no allocation but to grow, order of no interest. */
final class LongMap<V> {
    private static final long GOLDEN = 0x9E3779B97F4A7C15L;

    private long[] keys = new long[16];
    private Object[] values = new Object[16];
    private int size;

    @SuppressWarnings("unchecked") // only put stores values
    V get(long key) {
        int at = place(key);
        return (V) values[at];
    }

    void put(long key, V value) {
        if (2 * (size + 1) > keys.length) {
            grow();
        }
        int at = place(key);
        if (values[at] == null) {
            size++;
        }
        keys[at] = key;
        values[at] = value;
    }

    void remove(long key) {
        int hole = place(key);
        if (values[hole] == null) {
            return;
        }
        size--;
        int mask = keys.length - 1;
        int at = hole;
        while (true) {
            at = (at + 1) & mask;
            if (values[at] == null) {
                values[hole] = null;
                return;
            }
            if (((at - home(keys[at])) & mask) >= ((at - hole) & mask)) {
                keys[hole] = keys[at];
                values[hole] = values[at];
                hole = at;
            }
        }
    }

    private int home(long key) {
        return (int) ((key * GOLDEN) >>> (Long.numberOfLeadingZeros(keys.length) + 1));
    }

    /** The index of the key, or of the free place where it would be. */
    private int place(long key) {
        int at = home(key);
        while (values[at] != null && keys[at] != key) {
            at = (at + 1) & (keys.length - 1);
        }
        return at;
    }

    private void grow() {
        long[] oldKeys = keys;
        Object[] oldValues = values;
        keys = new long[oldKeys.length * 2];
        values = new Object[oldKeys.length * 2];
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldValues[i] != null) {
                int at = place(oldKeys[i]);
                keys[at] = oldKeys[i];
                values[at] = oldValues[i];
            }
        }
    }
}
