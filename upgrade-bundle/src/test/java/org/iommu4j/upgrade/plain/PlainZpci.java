package org.iommu4j.upgrade.plain;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.iommu4j.backend.CallFormat;
import org.iommu4j.backend.CallFormat.Kind;
import org.iommu4j.backend.CallFormat.Operand;
import org.iommu4j.backend.DmaAccess;
import org.iommu4j.backend.NativeCall;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.Platform;

/** IBM Z: two functions, three-level tables, and a shadow of them that only RPCIT changes. */
final class PlainZpci implements PlainMachine {
    private static final int CLP = 0xb9a0;
    private static final int RPCIT = 0xb9d3;
    private static final int MPCIFC = 0xe3d0;
    private static final int ENABLED = 0x8000_0000;
    private static final long PAGE = 4096;
    private static final long SEGMENT = 1 << 20;

    private static final Operand R1 = Operand.word("r1", 0, "").orNothing();
    private static final Operand HANDLE = Operand.field("handle", 0, 32, 32, "").orNothing();

    static final List<CallFormat> CALLS = List.of(
            format("CLP", CLP, Operand.memory("block", 0, 4096, "")),
            format("RPCIT", RPCIT, R1, HANDLE, Operand.word("start", 1, ""), Operand.word("length", 2, "")),
            format(
                    "MPCIFC",
                    MPCIFC,
                    R1,
                    HANDLE,
                    Operand.field("oc", 0, 0, 8, "").orNothing(),
                    Operand.memory("fib", 1, 80, "")));

    private PhysicalMemory memory;
    private final Map<Integer, Function> functions = new TreeMap<>();

    PlainZpci(Platform platform) {
        on(platform);
        for (int index = 0; index < 2; index++) {
            Function function = new Function(0x2_0000 | index);
            functions.put(function.handle, function);
        }
    }

    @Override
    public final void on(Platform view) {
        memory = view.memory();
    }

    private static final class Function {
        private int handle;
        private long iota;
        private long pba;
        private long pal;
        private final Map<Long, Long> shadow = new HashMap<>();

        private Function(int handle) {
            this.handle = handle;
        }
    }

    private static CallFormat format(String name, int opcode, Operand... operands) {
        return new CallFormat(Kind.INSTRUCTION, name, opcode, List.of(operands), List.of(), List.of(), "");
    }

    @Override
    public void opened(Changes changes) {
        // No function has a table at reset.
    }

    @Override
    public void call(NativeCall call, Changes changes) {
        if (call.function() == CLP) {
            clp(call.word(0));
            return;
        }
        Function function = functions.get((int) (call.word(0) >>> 32));
        if (function == null) {
            call.result(3);
        } else if (call.function() == RPCIT) {
            drop(function.handle, call.word(1), call.word(2));
            changes.changed(function.handle, call.word(1), call.word(2));
        } else if ((call.word(0) & 0xff) == 4) {
            function.pba = memory.readLongBe(call.word(1) + 16);
            function.pal = memory.readLongBe(call.word(1) + 24);
            function.iota = memory.readLongBe(call.word(1) + 32);
            changes.opened(function.handle, function.iota, function.pba, function.pal);
        }
    }

    private void clp(long block) {
        long command = (memory.readLongBe(block) >>> 32) & 0xffff;
        int handle = (int) (memory.readLongBe(block + 16) >>> 32);
        long answer = block + 32;
        memory.writeLongBe(answer, (memory.readLongBe(answer) & 0xffff_0000_0000_0000L) | 0x0010_0000_0000L);
        if (command == 5) {
            Function function = functions.remove(handle);
            function.handle ^= ENABLED;
            functions.put(function.handle, function);
            memory.writeLongBe(answer + 16, (long) function.handle << 32);
        } else if (command == 3) {
            memory.writeLongBe(answer + 16, (0xffL << 32) | (functions.get(handle).handle & 0xffff));
            memory.writeLongBe(answer + 64, 0x1_0000_0000L);
            memory.writeLongBe(answer + 72, 0x01ff_ffff_ffff_ffffL);
        } else {
            memory.writeLongBe(answer + 16, 0x0080_0001_0080_0fa0L);
            memory.writeLongBe(answer + 24, 0x40L << 56);
            memory.writeLongBe(answer + 40, 0xfe00_0000_0000_0000L);
        }
    }

    @Override
    public void bind(int requester, long first, long second, long third) {
        Function function = new Function(requester);
        function.iota = first;
        function.pba = second;
        function.pal = third;
        functions.put(requester, function);
    }

    @Override
    public void unbind(int requester) {
        functions.remove(requester);
    }

    @Override
    public void drop(int requester, long iova, long lengthBytes) {
        Function function = functions.get(requester);
        if (function == null || function.iota == 0) {
            return;
        }
        long end = Math.min(iova + lengthBytes, function.pal + 1);
        long at = iova & -PAGE;
        while (at < end) {
            long ste = segment(function, at);
            if (ste == 0) {
                long next = (at & -SEGMENT) + SEGMENT;
                long from = at;
                function.shadow.keySet().removeIf(page -> page >= from && page < Math.min(next, end));
                at = next;
                continue;
            }
            long pte = memory.readLongBe((ste & -2048) + ((at >>> 12) & 0xff) * 8);
            if ((pte & 0x400) != 0) {
                function.shadow.remove(at);
            } else {
                function.shadow.put(at, pte);
            }
            at += PAGE;
        }
    }

    /** The segment entry of an address; 0 if there is none. */
    private long segment(Function function, long iova) {
        long rte = memory.readLongBe((function.iota & -16384) + ((iova >>> 31) & 0x7ff) * 8);
        if (rte == 0 || (rte & 0x20) != 0) {
            return 0;
        }
        long ste = memory.readLongBe((rte & -16384) + ((iova >>> 20) & 0x7ff) * 8);
        return (ste & 0x20) != 0 ? 0 : ste;
    }

    @Override
    public void translate(DmaAccess access) {
        Function function = functions.get(access.requester());
        long page = access.iova() & -PAGE;
        Long pte = function == null ? null : function.shadow.get(page);
        if (pte == null) {
            access.fault(7, false);
            return;
        }
        if (access.listener() != null) {
            access.listener().step("pte", (segment(function, page) & -2048) + ((page >>> 12) & 0xff) * 8, pte);
        }
        int rights = (pte & 0x200) == 0 ? DmaAccess.READ | DmaAccess.WRITE : DmaAccess.READ;
        if ((access.rights() & ~rights) != 0) {
            access.fault(5, false);
            return;
        }
        access.translated((pte & -PAGE) | (access.iova() & (PAGE - 1)), PAGE, rights, true);
    }
}
