package org.iommu4j.contract;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Header words in memory, at any alignment, in either byte order. */
final class Words {
    private static final VarHandle LITTLE_INT =
            MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle BIG_INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
    private static final VarHandle LITTLE_LONG =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle BIG_LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private Words() {}

    static int getInt(byte[] memory, int at, boolean bigEndian) {
        return bigEndian ? (int) BIG_INT.get(memory, at) : (int) LITTLE_INT.get(memory, at);
    }

    static long getLong(byte[] memory, int at, boolean bigEndian) {
        return bigEndian ? (long) BIG_LONG.get(memory, at) : (long) LITTLE_LONG.get(memory, at);
    }

    static void putInt(byte[] memory, int at, boolean bigEndian, int value) {
        if (bigEndian) {
            BIG_INT.set(memory, at, value);
        } else {
            LITTLE_INT.set(memory, at, value);
        }
    }

    static void putLong(byte[] memory, int at, boolean bigEndian, long value) {
        if (bigEndian) {
            BIG_LONG.set(memory, at, value);
        } else {
            LITTLE_LONG.set(memory, at, value);
        }
    }
}
