package org.iommu4j.amd.fuzz;

import java.util.random.RandomGenerator;
import org.iommu4j.amd.command.AmdViCommand;
import org.iommu4j.amd.command.AmdViRegisters.Control;
import org.iommu4j.amd.command.AmdViRegisters.DevTabBase;
import org.iommu4j.amd.command.AmdViRegisters.Efr;
import org.iommu4j.amd.command.AmdViRegisters.PciCapability;
import org.iommu4j.amd.command.AmdViRegisters.Rings;
import org.iommu4j.amd.command.AmdViRegisters.Status;
import org.iommu4j.amd.command.AmdViSettings;
import org.iommu4j.amd.command.CompletionWait;
import org.iommu4j.amd.command.InvalidateIommuAll;
import org.iommu4j.amd.command.InvalidateIotlbPages;
import org.iommu4j.amd.command.SizeEncoding;
import org.iommu4j.amd.table.DeviceTableEntry;
import org.iommu4j.backend.FuzzScene;
import org.iommu4j.backend.FuzzSupport;
import org.iommu4j.backend.HardwareConfig;
import org.iommu4j.backend.NativePort;
import org.iommu4j.backend.PhysicalMemory;
import org.iommu4j.backend.ReferenceWalker;

/** Knowledge of AMD-Vi for the fuzzer: software for a bare chip, and tables for a driver's guests. */
public final class AmdViFuzzSupport implements FuzzSupport {
    private static final int MOST_DEVICES = 4;
    private static final int BUSES = 2;
    private static final int DEVICES_OF_BUS = 256;

    private static final long DONE = 0x600d;
    private static final long LENGTH = Rings.LENGTH.of(Rings.LEAST_LENGTH);

    /** Index in the scene's values for {@link #settle}. */
    private static final String BUFFER = "CmdBufBase";

    private static final String STATUS = "STATUS";

    @Override
    public HardwareConfig config(int subVersion, RandomGenerator random) {
        return AmdViSettings.TABLE.vary(subVersion, random);
    }

    @Override
    public FuzzScene bringUp(HardwareConfig config, NativePort port, RandomGenerator random) {
        AmdViScenery scenery = new AmdViScenery(config.subVersion(), port, random);
        long table = scenery.page();
        int devices = 1 + random.nextInt(MOST_DEVICES);
        for (int i = 0; i < devices; i++) {
            int requester = random.nextInt(AmdViScenery.FIRST_AIMED);
            scenery.device(requester, table + (long) requester * DeviceTableEntry.BYTES, 1 + i / 2);
        }
        long buffer = scenery.page();
        long log = scenery.page();
        long status = scenery.page();
        scenery.aim(table, status);
        scenery.scene().value(BUFFER, buffer);
        scenery.scene().value(STATUS, status);
        scenery.scene().value("StoreAddress", status + Long.BYTES);
        scenery.scene().value("DevTabBase", table);
        for (long tail = 0; tail < 8; tail++) {
            scenery.scene().value(Rings.COMMAND_BUFFER.tail().name(), tail * AmdViCommand.BYTES);
        }
        port.write(DevTabBase.REGISTER, table);
        port.write(Rings.EVENT_LOG.base(), log | LENGTH);
        port.write(Rings.COMMAND_BUFFER.base(), buffer | LENGTH);
        long control = Control.EVENT_LOG_EN.mask()
                | Control.CMD_BUF_EN.mask()
                | (scenery.hasGuests() ? Control.GT_EN.mask() : 0);
        port.write(Control.REGISTER, control);
        port.write(Control.REGISTER, control | Control.IOMMU_EN.mask());
        return scenery.scene().build();
    }

    @Override
    public FuzzScene prepare(HardwareConfig config, NativePort port, RandomGenerator random) {
        AmdViScenery scenery = new AmdViScenery(config.subVersion(), port, random);
        int tables = 1 + random.nextInt(3);
        for (int i = 0; i < tables; i++) {
            scenery.newHostTable();
        }
        int devices = 1 + random.nextInt(MOST_DEVICES);
        for (int i = 0; i < devices; i++) {
            scenery.bindings(random.nextInt(AmdViScenery.FIRST_AIMED) | random.nextInt(BUSES) * DEVICES_OF_BUS);
        }
        scenery.drive();
        return scenery.scene().build();
    }

    /** A buffer that has stopped at an earlier command is begun anew first, empty. */
    @Override
    public void submit(FuzzScene scene, NativePort port, byte[] command) {
        long control = port.read(Control.REGISTER);
        boolean stopped = Control.CMD_BUF_EN.isSet(control)
                && Control.IOMMU_EN.isSet(control)
                && !Status.CMD_BUF_RUN.isSet(port.read(Status.REGISTER));
        if (stopped && !scene.valuesOf(BUFFER).isEmpty()) {
            begin(scene, port, control);
        }
        long place = port.read(Rings.COMMAND_BUFFER.base());
        long bytes = (long) AmdViCommand.BYTES << Rings.LENGTH.getInt(place);
        long tail = port.read(Rings.COMMAND_BUFFER.tail()) & (bytes - 1);
        long at = Rings.BASE_ADDRESS.get(place) + tail;
        if (port.platform().memory().contains(at, command.length)) {
            port.platform().memory().write(at, command, 0, command.length);
        }
        port.write(Rings.COMMAND_BUFFER.tail(), (tail + command.length) & (bytes - 1));
    }

    /** Begins the command buffer anew, empty. */
    private static void begin(FuzzScene scene, NativePort port, long control) {
        port.write(Control.REGISTER, control & ~Control.CMD_BUF_EN.mask());
        port.write(Rings.COMMAND_BUFFER.base(), scene.valuesOf(BUFFER).get(0) | LENGTH);
        port.write(Control.REGISTER, control | Control.CMD_BUF_EN.mask());
    }

    /** Without a command for everything nobody knows which domains wild software has used. */
    @Override
    public boolean settle(FuzzScene scene, NativePort port) {
        long control = port.read(Control.REGISTER);
        if (scene.valuesOf(BUFFER).isEmpty()
                || !Efr.IA_SUP.isSet(port.read(Efr.REGISTER))
                || !Control.IOMMU_EN.isSet(control)) {
            return false;
        }
        begin(scene, port, control);
        submit(scene, port, words(InvalidateIommuAll.word0(), 0));
        if (PciCapability.IOTLB_SUP.isSet(port.read(PciCapability.REGISTER))) {
            int none = InvalidateIotlbPages.NO_PASID;
            for (int requester : scene.requesters()) {
                submit(
                        scene,
                        port,
                        words(
                                InvalidateIotlbPages.word0(requester, 0, 0, none),
                                InvalidateIotlbPages.word1(none, 0, SizeEncoding.ALL, 0)));
            }
        }
        long status = scene.valuesOf(STATUS).get(0);
        PhysicalMemory memory = port.platform().memory();
        memory.writeLongLe(status, 0);
        submit(scene, port, words(CompletionWait.storing(status), DONE));
        return memory.readLongLe(status) == DONE;
    }

    private static byte[] words(long word0, long word1) {
        return CompletionWait.LAYOUT.encode(word0, word1);
    }

    @Override
    public ReferenceWalker referenceWalker(HardwareConfig config, NativePort port, boolean driver) {
        return new AmdViReferenceWalker(
                port, driver, AmdViSettings.TABLE.read(config).isSet(AmdViSettings.SNP));
    }
}
