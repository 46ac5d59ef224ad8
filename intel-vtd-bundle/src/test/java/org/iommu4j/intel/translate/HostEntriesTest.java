package org.iommu4j.intel.translate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.iommu4j.contract.Uapi;
import org.iommu4j.intel.Machine;
import org.iommu4j.intel.command.BindPgtable;
import org.iommu4j.intel.command.VtdCapabilities;
import org.iommu4j.intel.command.VtdGeneration;
import org.iommu4j.intel.table.PasidEntry;
import org.iommu4j.intel.table.PasidTables;
import org.iommu4j.intel.table.ScalableContextEntry;
import org.iommu4j.intel.table.TableWalker;
import org.iommu4j.testing.Property;
import org.junit.jupiter.api.Test;

/** The driver keeps the rules of docs/spec/intel-vtd.md 10.5 and 10.6 in the entries and commands that it writes. */
class HostEntriesTest {
    private static final int RTADDR = 0x20;
    private static final int DEVICES = 3;
    private static final int PASIDS = 6;
    private static final int FIRST_DEVICE = 0x310;
    private static final int DEVICE_TLB = (int) BindPgtable.FLAG_DEVICE_TLB.mask();
    private static final int FIRST_STAGE = (int) BindPgtable.FLAG_FIRST_STAGE.mask();
    private static final int PASSES = (int) BindPgtable.FLAG_PASS_THROUGH.mask();

    private static Machine machine() {
        Machine machine = Machine.of(VtdGeneration.WIDE_TYPE);
        machine.open(1);
        for (int device = 0; device < DEVICES; device++) {
            machine.attach(1, FIRST_DEVICE + device);
        }
        return machine;
    }

    @Test
    void shouldGiveEachTableADomainIdOfItsOwn() {
        // VTD-PRG.1, VTD-PRG.2, VTD-PRG.3, VTD-PRG.5
        Property.check(40, random -> {
            Machine machine = machine();
            for (int i = 0; i < 20; i++) {
                int device = FIRST_DEVICE + random.nextInt(DEVICES);
                int pasid = random.nextInt(PASIDS);
                long table = 0x10_0000L + random.nextInt(3) * 0x1000L;
                int kind = random.nextInt(3);
                int flags = kind == 0 ? PASSES : kind == 1 ? FIRST_STAGE : 0;
                byte[] payload = pasid == 0
                        ? Machine.payload(device, kind == 0 ? 0 : table, kind == 0 ? 0 : 48, 1)
                        : Machine.pasidPayload(device, kind == 0 ? 0 : table, kind == 0 ? 0 : 48, 1, pasid);
                machine.bind(1, pasid == 0 ? Uapi.BIND_PGTABLE : Uapi.BIND_PASID, flags, payload);
            }
            check(machine);
        });
    }

    private static void check(Machine machine) {
        PasidTables tables = new PasidTables(
                VtdCapabilities.defaultOf(VtdGeneration.WIDE_TYPE), VtdGeneration.WIDE_TYPE, machine.memory(), 48);
        long root = machine.chip().readRegister(RTADDR, Long.BYTES) & -4096L;
        Map<Integer, List<Long>> byDomain = new HashMap<>();
        int entries = 0;
        for (int device = FIRST_DEVICE; device < FIRST_DEVICE + DEVICES; device++) {
            if (tables.readContext(root, device, null) != TableWalker.OK) {
                continue;
            }
            long directory = ScalableContextEntry.PASIDDIRPTR.get(tables.context(0));
            for (int pasid = 0; pasid < PASIDS; pasid++) {
                if (tables.readPasid(directory, pasid, null) == TableWalker.OK) {
                    entries++;
                    int domain = PasidEntry.DID.getInt(tables.pasid(1));
                    assertNotEquals(0, domain);
                    List<Long> translation = List.of(tables.pasid(0), tables.pasid(2));
                    assertEquals(translation, byDomain.computeIfAbsent(domain, key -> translation));
                }
            }
        }
        assertTrue(entries > 0);
    }

    @Test
    void shouldKeepTheOrderOfTheIotlbAndTheDevicesOwnTlb() {
        // VTD-ORD.4 for a second stage, VTD-ORD.5 for a first stage: there a fence stands between.
        Machine machine = machine();
        machine.bind(1, Uapi.BIND_PGTABLE, DEVICE_TLB, Machine.payload(FIRST_DEVICE, 0x10_0000L, 48, 1));
        machine.takeHex();
        machine.request(1, 0, Uapi.FLAGS_NO_PASID, 0, 0, 0, new byte[0]);
        assertEquals(List.of(2, 3), types(machine.takeHex()).subList(0, 2));
        machine.bind(1, Uapi.BIND_PGTABLE, DEVICE_TLB | FIRST_STAGE, Machine.payload(FIRST_DEVICE, 0x10_0000L, 48, 1));
        machine.takeHex();
        machine.request(1, 0, Uapi.FLAGS_NO_PASID, 0, 0, 0, new byte[0]);
        assertEquals(List.of(6, 5, 3), types(machine.takeHex()).subList(0, 3));
    }

    @Test
    void shouldEmptyADevicesOwnTlbBeforeAnUnbindIsAnswered() {
        // VTD-ATS.1, VTD-ATS.2
        Machine machine = machine();
        byte[] payload = Machine.payload(FIRST_DEVICE, 0x10_0000L, 48, 1);
        machine.bind(1, Uapi.BIND_PGTABLE, DEVICE_TLB, payload);
        machine.takeHex();
        machine.bind(1, Uapi.BIND_PGTABLE, DEVICE_TLB | Uapi.BIND_FLAG_UNBIND, payload);
        assertTrue(types(machine.takeHex()).contains(3));
        assertNotEquals(0, machine.chip().readRegister(0x1c, 4) >>> 31, "translation is on");
    }

    private static List<Integer> types(List<String> commands) {
        return commands.stream()
                .map(hex -> Integer.parseInt(hex.substring(1, 2), 16))
                .toList();
    }
}
